"""Which event leads to which use case, one line each."""

from __future__ import annotations

from functools import partial

from services.orders.settings import Settings
from services.orders.usecases import cash, decisions, lifecycle, mirrors, parcels, refunds, stock
from shared.contracts.catalog import (
    OfferEnded,
    OfferPublished,
    OfferTermsChanged,
    PriceChanged,
    ProductPublished,
    ProductWithdrawn,
    SlotOpened,
    StockAdjusted,
    SupplierOnboarded,
)
from shared.contracts.logistics import (
    CancellationRefused,
    CodBanked,
    CodBankingReversed,
    CodRemitted,
    DeliveryAttemptFailed,
    DiscrepancyResolved,
    ReturnChargeSettled,
    ShipmentCancelled,
    ShipmentCOD,
    ShipmentCreated,
    ShipmentDelivered,
    ShipmentHandedOver,
    ShipmentReturned,
    ShipmentStatusChanged,
)
from shared.contracts.storefront import (
    AdoptionEnded,
    AdoptionPaused,
    AdoptionResumed,
    ListingPaused,
    ListingPriced,
    OfferAdopted,
    StorefrontOpened,
)
from shared.kernel.delivery import Router


def reactions(settings: Settings) -> Router:
    """All that orders does because of others, or because time has passed."""
    react = Router("orders")
    _intake(react)
    _lifecycle(react, settings.after_sale_seconds, settings.hold_seconds)
    _money(react)
    _refunds(react, settings.refund_retry_seconds)
    return react


def _intake(react: Router) -> None:
    react.latest(SupplierOnboarded, do=mirrors.mirror_suppliers)
    react.latest(ProductPublished, ProductWithdrawn, PriceChanged, do=mirrors.mirror_products)
    react.latest(OfferPublished, OfferTermsChanged, OfferEnded, do=mirrors.mirror_offers)
    react.latest(StorefrontOpened, do=mirrors.mirror_storefronts)
    react.latest(OfferAdopted, AdoptionPaused, AdoptionResumed, AdoptionEnded, do=mirrors.mirror_adoptions)
    react.latest(ListingPriced, ListingPaused, do=mirrors.mirror_adoptions)
    react.every(StockAdjusted, do=stock.receive)
    react.latest(SlotOpened, do=stock.open_slots)
    react.timer(stock.ANNOUNCE, stock.announce)


def _lifecycle(react: Router, after_sale_seconds: float, hold_seconds: float) -> None:
    react.every(ShipmentCreated, do=parcels.learn_shipments)
    react.every(ShipmentHandedOver, do=parcels.ship_lines)
    react.every(ShipmentCancelled, do=partial(parcels.call_parcels_off, after_sale_seconds=after_sale_seconds))
    react.every(CancellationRefused, do=parcels.refuse_cancellations)
    deliver = partial(parcels.deliver_lines, after_sale_seconds=after_sale_seconds, hold_seconds=hold_seconds)
    react.every(ShipmentDelivered, do=deliver)
    react.every(ShipmentReturned, do=partial(parcels.take_lines_back, after_sale_seconds=after_sale_seconds))
    react.every(ShipmentStatusChanged, do=partial(parcels.follow_parcels, after_sale_seconds=after_sale_seconds))
    react.every(DeliveryAttemptFailed, do=parcels.note_parcels)
    react.timer(lifecycle.EXPIRE_ORDER, lifecycle.expire_orders)
    react.timer(lifecycle.COMPLETE_ORDER, lifecycle.complete_orders)


def _money(react: Router) -> None:
    react.every(ShipmentCOD, do=cash.collect_cash)
    react.every(CodRemitted, do=cash.remit_cash)
    react.every(CodBanked, do=cash.bank_cash)
    react.every(CodBankingReversed, do=cash.unbank_cash)
    react.every(ReturnChargeSettled, do=cash.settle_charges)
    react.every(DiscrepancyResolved, do=decisions.book_decisions)
    react.timer(parcels.RELEASE_LINE, cash.release_lines)


def _refunds(react: Router, retry_seconds: float) -> None:
    react.timer(refunds.APPROVE_REFUND, refunds.approve_silent)
    react.timer(refunds.PAY_REFUND, partial(refunds.pay_waiting, retry_seconds=retry_seconds))
