"""Everything at once on embedded parts: simulated factory, agent, broker, ingest, store, analytics, platform."""
