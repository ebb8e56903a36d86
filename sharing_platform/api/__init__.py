"""The HTTP API, `/api/v1`. Everything that the pages do, it does. Errors are problem details (RFC 9457)."""
