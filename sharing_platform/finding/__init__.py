"""What is shared, and finding it: machines and their free hours, listings, wanted notices, saved searches."""
