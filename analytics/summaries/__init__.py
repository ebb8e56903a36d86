"""Points that analytics writes back to the store, so that a dashboard panel costs about the same for a day as for a year."""
