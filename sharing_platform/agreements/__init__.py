"""What the two parties of a booking write to each other and agree on."""
