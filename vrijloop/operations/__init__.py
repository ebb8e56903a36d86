"""Back-up, restore and diagnosis of an installation."""
