"""Wanted notices and saved searches, and the matches found for them."""
