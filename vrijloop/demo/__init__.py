"""Runs the whole chain on embedded parts: simulated factory, agent, broker, ingest, store, analytics and platform."""
