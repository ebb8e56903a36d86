"""The commands of `vrijloop`, a module per subject."""
