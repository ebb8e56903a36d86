"""How far an organisation is with the seven transformations of Factory of the Future, by its own answers: over time, with goals, and who can be learnt from."""
