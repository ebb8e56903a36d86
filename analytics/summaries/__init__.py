"""What analytics writes back to the store, so that a dashboard's panel costs about the same for a day as for a year."""
