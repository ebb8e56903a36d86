"""Utilisation figures by ISO 22400-2."""
