"""The buyer's part of the story: two tins, cash on delivery, and where each fen of it goes."""

from __future__ import annotations

from typing import Any

from shared.contracts.event import Event
from shared.contracts.orders import (
    AvailabilityChanged,
    CancellationRequested,
    ConfirmationCodeIssued,
    DeliveryDetailsGiven,
    LedgerEntry,
    LedgerPosted,
    LineOutcome,
    OrderCancelled,
    OrderClosed,
    OrderCompleted,
    OrderConfirmed,
    OrderExpired,
    OrderFulfilled,
    OrderLine,
    OrderPlaced,
    PaymentCaptured,
    PaymentFailed,
    StockShort,
    SupplierOrder,
    Totals,
)
from shared.contracts.values import (
    Account,
    JournalId,
    LineId,
    LineState,
    OrderId,
    PartyKind,
    PaymentId,
    Share,
    ShipTo,
    SupplierOrderId,
    TouchId,
)

from .catalog import OFFER, PRODUCT, SUPPLIER, TIN, TIN_SKU, TITLE
from .storefront import CONTENT, CREATOR, LISTING, STOREFRONT
from .telling import after, because, cny, named

ORDER = OrderId(named("order"))
LINE = LineId(named("line"))
SUPPLIER_ORDER = SupplierOrderId(named("supplier order"))
REFERRER = named("a friend who shared the article")
PAYABLE = cny(25_800)
_ORDER_NO, _BUYER, _PHONE = "26030200000017", "wx-7f3a91", "+8613800000017"


def _share(kind: PartyKind, party: str, minor: int, ppm: int | None = None) -> Share:
    return Share(party_kind=kind, party=party, rate_ppm=ppm, amount=cny(minor))


_LINE = OrderLine(
    line_id=LINE,
    kind="good",
    supplier_id=SUPPLIER,
    variant_id=TIN,
    product_id=PRODUCT,
    product_version=2,
    sku=TIN_SKU,
    title=TITLE,
    listing_id=LISTING,
    offer_id=OFFER,
    offer_version=1,
    quantity=2,
    price=cny(12_900),
    discount=cny(0),
    amount=PAYABLE,
    split=(
        _share("supplier", SUPPLIER, 21_156),
        _share("creator", CREATOR, 3_870, 150_000),
        _share("referrer", REFERRER, 516, 20_000),
        _share("platform", "platform", 258, 10_000),
    ),
)
_PLACED: dict[str, Any] = {
    "order_id": ORDER,
    "order_no": _ORDER_NO,
    "buyer_ref": _BUYER,
    "storefront_id": STOREFRONT,
    "creator_id": CREATOR,
    "entry_point": "article",
    "content_id": CONTENT,
    "position": 1,
    "touch_id": TouchId(named("touch")),
    "shared_by": REFERRER,
    "payment_mode": "cod",
    "region": "CN-ZJ",
    "totals": Totals(goods=PAYABLE, fees=cny(0), discount=cny(0), tax=cny(0), payable=PAYABLE),
    "lines": (_LINE,),
    "supplier_orders": (
        SupplierOrder(supplier_order_id=SUPPLIER_ORDER, supplier_id=SUPPLIER, line_ids=(LINE,), cod_amount=PAYABLE),
    ),
    "placed_at": after(100),
}


def _outcome(state: LineState) -> dict[str, Any]:
    line = LineOutcome(
        line_id=LINE,
        supplier_order_id=SUPPLIER_ORDER,
        supplier_id=SUPPLIER,
        kind="good",
        variant_id=TIN,
        quantity=2,
        amount=PAYABLE,
        state=state,
    )
    same = ("order_id", "order_no", "buyer_ref", "storefront_id", "creator_id", "payment_mode")
    return {name: _PLACED[name] for name in same} | {"lines": (line,)}


def payment(state: str) -> dict[str, Any]:
    return {
        "payment_id": PaymentId(named("payment")),
        "order_id": OrderId(named("prepaid order")),
        "state": state,
        "due": cny(12_900),
        "psp": "sandbox",
    }


def _entry(account: Account, debit: int, credit: int, party: str | None = None) -> LedgerEntry:
    return LedgerEntry(account=account, party=party, line_id=LINE, debit=debit, credit=credit)


_ORDERS: tuple[Event, ...] = (
    OrderPlaced(**_PLACED, expires_at=after(100 + 24 * 60)).at(1, because("POST /orders")),
    OrderConfirmed(**_PLACED, confirmed_by="code", confirmed_at=after(103)).at(2, because("POST /orders/{id}/confirm")),
    CancellationRequested(
        order_id=ORDER,
        supplier_order_ids=(SUPPLIER_ORDER,),
        reason="ordered twice",
        requested_by="buyer",
        requested_at=after(110),
    ).at(3, because("POST /orders/{id}/cancel")),
    OrderFulfilled(**_outcome("DELIVERED"), fulfilled_at=after(3_000)).at(
        4, because("wanpu.logistics.ShipmentDelivered.v1")
    ),
    OrderCompleted(**_outcome("COMPLETED"), completed_at=after(3_000 + 7 * 24 * 60)).at(
        5, because("timer complete-order")
    ),
    OrderCancelled(**_outcome("RELEASED"), reason="changed my mind", cancelled_by="buyer", cancelled_at=after(102)).at(
        2, because("POST /orders/{id}/cancel")
    ),
    OrderExpired(**_outcome("RELEASED"), expired_at=after(100 + 24 * 60)).at(2, because("timer expire-order")),
    OrderClosed(**_outcome("RETURNED"), closed_at=after(9_000)).at(3, because("wanpu.logistics.ShipmentReturned.v1")),
)
_MONEY: tuple[Event, ...] = (
    PaymentCaptured(
        **payment("CAPTURED"), psp_ref="sbx-000041", captured=cny(12_900), outcome="applied", captured_at=after(131)
    ).at(1, because("POST /payments/callbacks/sandbox")),
    PaymentFailed(**payment("FAILED"), psp_ref="sbx-000042", reason="insufficient_funds", failed_at=after(131)).at(
        1, because("POST /payments/callbacks/sandbox")
    ),
    LedgerPosted(
        stream_id=ORDER,
        journal_id=JournalId(named("journal")),
        kind="line_delivered",
        cause_id=named("wanpu.logistics.ShipmentDelivered.v1"),
        subject=LINE,
        order_id=ORDER,
        currency="CNY",
        entries=(
            _entry("buyer_deposits", 25_800, 0),
            _entry("payable:held", 0, 21_156, SUPPLIER),
            _entry("payable:held", 0, 3_870, CREATOR),
            _entry("payable:held", 0, 516, REFERRER),
            _entry("platform_revenue", 0, 258),
        ),
        posted_at=after(3_000),
    ).at(2, because("wanpu.logistics.ShipmentDelivered.v1")),
)
_STOCK: tuple[Event, ...] = (
    AvailabilityChanged(variant_id=TIN, supplier_id=SUPPLIER, available="few").at(2, because("POST /orders")),
    StockShort(variant_id=TIN, supplier_id=SUPPLIER, available="no", missing=3).at(
        3, because("wanpu.catalog.StockAdjusted.v1")
    ),
)
_PERSONAL: tuple[Event, ...] = (
    DeliveryDetailsGiven(
        order_id=ORDER,
        ship_to=ShipTo(name="沈小满", phone=_PHONE, region="CN-ZJ", address="杭州市西湖区文三路 1 号"),
    ).at(1, because("POST /orders")),
    ConfirmationCodeIssued(
        order_id=ORDER,
        order_no=_ORDER_NO,
        buyer_ref=_BUYER,
        phone=_PHONE,
        code="417204",
        payable=PAYABLE,
        expires_at=after(100 + 24 * 60),
    ).at(2, because("POST /orders")),
)

TOLD: tuple[Event, ...] = (*_ORDERS, *_MONEY, *_STOCK, *_PERSONAL)
