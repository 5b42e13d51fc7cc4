"""What the catalog does, a file a subject: one function a verb."""

from services.catalog.usecases import offers, products, slots, stock, suppliers

__all__ = ["offers", "products", "slots", "stock", "suppliers"]
