"""The catalog's edge: what callers send, what they get, and the calls between."""

from services.catalog.http.calls import routes

__all__ = ["routes"]
