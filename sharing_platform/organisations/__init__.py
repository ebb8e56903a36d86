"""Organisations, the people in them, sign-in, permissions, API tokens and the audit log."""
