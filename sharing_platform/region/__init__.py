"""The region administrator's side: approving organisations, the region's audit log."""
