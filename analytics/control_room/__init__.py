"""The control room: a page that the server itself serves, for those who decide."""
