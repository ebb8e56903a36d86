"""Laid out as the rooms are."""
