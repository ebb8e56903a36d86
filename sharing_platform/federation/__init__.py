"""Platforms of neighbouring regions: what each shares with the others, and requests that are forwarded and answered at home."""
