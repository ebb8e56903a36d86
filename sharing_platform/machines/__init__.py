"""Machines, the offers of their free hours, and finding those."""
