"""The parts that pages are made of, on one page."""
