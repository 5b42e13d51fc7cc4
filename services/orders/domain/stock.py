"""What can still be had of a variant or of a slot, and what of that is worth telling."""

from __future__ import annotations

from typing import NamedTuple

from shared.contracts.values import Availability, SlotId, SupplierId, VariantId

StockId = VariantId | SlotId  # what a line reserves: pieces of a good, or places in a slot of a service

FEW_UP_TO = 10  # a buyer hurries when about so many are left
YES_FROM = 15  # above FEW_UP_TO, so that a cancelled order or two at the threshold tells nothing
PAUSE_SECONDS = 1.0  # between two announcements of one variant; shop pages live with a second's delay


class Stock(NamedTuple):
    """A stock row; sellable = received - reserved - sold. A slot's `received` is its capacity."""

    stock_id: StockId
    variant_id: VariantId
    supplier_id: SupplierId
    received: int = 0
    reserved: int = 0
    sold: int = 0
    announced: Availability = "no"
    short: int = 0  # the missing pieces last told
    events: int = 0
    rested: bool = True  # the last announcement is PAUSE_SECONDS or more ago, by the database's clock
    begun: bool = False  # a slot whose time has come, by the database's clock
    version: str = "0"  # of the row, where it was read without a lock

    @property
    def is_slot(self) -> bool:
        return self.stock_id != self.variant_id

    @property
    def sellable(self) -> int:
        return self.received - self.reserved - self.sold

    @property
    def orderable(self) -> int:
        """What new orders may have; of a slot that has begun, nothing."""
        return 0 if self.begun else self.sellable

    @property
    def missing(self) -> int:
        """Pieces promised to buyers that the stock no longer covers."""
        return max(0, -self.sellable)

    @property
    def available(self) -> Availability:
        """As a buyer is told: it turns to yes at YES_FROM, and back only at FEW_UP_TO."""
        if self.sellable <= 0:
            return "no"
        enough = FEW_UP_TO + 1 if self.announced == "yes" else YES_FROM
        return "yes" if self.sellable >= enough else "few"

    def receive(self, delta: int) -> Stock:
        """A delivery, or what left otherwise than by a sale: a fact, also when it takes more than is left."""
        return self._replace(received=self.received + delta)

    def reserve(self, pieces: int) -> Stock:
        return self._replace(reserved=self.reserved + pieces)

    def release(self, pieces: int) -> Stock:
        return self._replace(reserved=self.reserved - pieces)

    def sell(self, pieces: int) -> Stock:
        """Handed over: what was reserved is gone."""
        return self._replace(reserved=self.reserved - pieces, sold=self.sold + pieces)

    def restock(self, pieces: int) -> Stock:
        """A return came back fit to be sold again."""
        return self._replace(sold=self.sold - pieces)


class News(NamedTuple):
    """What is to be told of a changed stock; `stock` counts it as told. `later`: too soon, tell it after the pause."""

    stock: Stock
    short: bool = False
    changed: bool = False
    later: bool = False


def news(stock: Stock) -> News:
    """A shortage is told at once; availability on crossing a threshold, at most once a PAUSE_SECONDS.

    The end of a shortage is told by the availability, which carries `missing`. Both are told by variant: of slots,
    of which a variant has many, nothing is told.
    """
    if stock.is_slot:
        return News(stock)
    short = stock.missing not in (0, stock.short)
    told = stock._replace(short=stock.missing, events=stock.events + 1) if short else stock
    if stock.available == stock.announced and not (stock.short and not stock.missing):
        return News(told, short=short)
    if not stock.rested:
        return News(told, short=short, later=True)
    changed = told._replace(announced=stock.available, short=stock.missing, events=told.events + 1, rested=False)
    return News(changed, short=short, changed=True)
