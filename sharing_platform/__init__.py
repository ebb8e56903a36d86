"""The region's sharing platform: offers, bookings, pages and HTTP API. Knows offers, not machines."""
