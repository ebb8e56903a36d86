"""Asking for hours, places and things, and what then happens between the two parties."""
