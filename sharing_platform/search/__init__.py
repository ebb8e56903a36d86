"""What people search for, how well something matches it, and the vocabulary of the trade. Knows no table of what is searched."""
