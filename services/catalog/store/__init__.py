"""The catalog's SQL, a file a subject."""

from services.catalog.store import offers, products, stock, suppliers

__all__ = ["offers", "products", "stock", "suppliers"]
