"""One TOML file per language."""
