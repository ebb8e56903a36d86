"""Finds spare capacity, forecasts it, and keeps the sharing platform true."""
