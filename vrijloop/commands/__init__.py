"""The commands of `vrijloop`, one module per subject."""
