"""Pictures of machines and listings: made anew from what was uploaded, kept in their order."""
