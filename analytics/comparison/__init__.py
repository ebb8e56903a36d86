"""What a factory contributes to the comparison with others: figures with noise, which are kept, shown and only then sent."""
