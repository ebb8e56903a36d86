"""Runs on the shop-floor gateway: source → state → outbox → broker. Reads machines, never writes to them."""
