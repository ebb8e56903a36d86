"""E-mail and webhooks: queued in the transaction of what they report, delivered by a worker."""
