"""What the platform tells people and programs: e-mail and webhooks, written down with what they are about, delivered apart."""
