"""Ingest: receives reports over MQTT, validates them, writes them to the store, and only then acknowledges them."""
