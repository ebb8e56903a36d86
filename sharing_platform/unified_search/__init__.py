"""One search over all that is shared and looked for."""
