"""Requests for hours, places and things, and every step until they are completed."""
