"""Keeps the offers on the sharing platform in line with what should be offered."""
