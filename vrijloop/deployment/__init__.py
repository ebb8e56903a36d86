"""What an installation needs before it starts: secrets, certificates, configurations, units. Nothing has a default password."""
