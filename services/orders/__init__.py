"""Orders: whether an order stands, and who is owed what."""
