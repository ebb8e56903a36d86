"""Factories compare themselves: what they contribute, with noise in it, and the quartiles of their process class."""
