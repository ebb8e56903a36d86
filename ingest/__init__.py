"""MQTT into the store: validates, writes, and only then acknowledges."""
