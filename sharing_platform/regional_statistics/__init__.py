"""The region's figures: summaries of what was offered, had and missed, and what of them may be published."""
