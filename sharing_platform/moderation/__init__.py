"""Reports of content, decisions on them with reasons, and appeals (Digital Services Act, articles 16, 17 and 20)."""
