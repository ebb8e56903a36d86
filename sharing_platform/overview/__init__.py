"""Pages that gather from all domains what belongs to one organisation: its overview and its settings."""
