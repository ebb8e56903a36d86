"""What the factory allows to be offered: its policy file, and the decisions that people and calendars add to it."""
