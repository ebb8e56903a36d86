"""Pages that the region edits (about, contact, privacy statement, terms of use), their versions, and who has accepted which terms."""
