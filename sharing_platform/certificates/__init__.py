"""Certificates of attendance: who gave a training says who attended; whoever holds the number can check it."""
