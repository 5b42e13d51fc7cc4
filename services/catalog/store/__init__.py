"""The catalog's SQL, a file a subject."""

from services.catalog.store import offers, products, slots, stock, suppliers

__all__ = ["offers", "products", "slots", "stock", "suppliers"]
