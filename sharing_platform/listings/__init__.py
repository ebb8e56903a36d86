"""What organisations share beside machine hours: operators, equipment, know-how, training."""
