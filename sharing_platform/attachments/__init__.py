"""Drawings and models that go with a request or a message: what they are, and where they are kept."""
