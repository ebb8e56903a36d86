"""Which hours will be free, and how often such forecasts were right."""
