"""An order's bytes to a command. msgspec reads what is plainly right; whatever it does not take, pydantic judges.

So there is one law, `forms`, and one set of errors; msgspec takes a part of what pydantic takes, a third as fast
(decision 6), and a test throws every kind of body at both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, cast

import msgspec
from msgspec import Meta, Struct
from pydantic import TypeAdapter

from services.orders.domain.order import AskedLine, PlaceOrder
from services.orders.http.forms import MAX_LINES, MAX_ORDERS, MAX_TOUCH_CHARACTERS, KeyedOrder, NewLine, NewOrder
from shared.contracts.values import PaymentMode, StorefrontId
from shared.kernel.errors import Rejected
from shared.kernel.http import Ask, Caller
from shared.kernel.http.bodies import parse_json

_LAW: TypeAdapter[NewOrder] = TypeAdapter(NewOrder)
_KEYED_LAW: TypeAdapter[KeyedOrder] = TypeAdapter(KeyedOrder)
_LIST_LAW: TypeAdapter[list[Any]] = TypeAdapter(list[Any])

_Uuid = Annotated[str, Meta(pattern=r"\A[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")]
_Text = Annotated[str, Meta(pattern=r"\A[^\s\x00](?:[^\x00]{0,198}[^\s\x00])?\Z")]
_Address = Annotated[str, Meta(pattern=r"\A[^\s\x00](?:[^\x00]{0,498}[^\s\x00])?\Z")]
_Phone = Annotated[str, Meta(pattern=r"\A\+?[0-9][0-9 \-]{3,30}\Z")]
_Region = Annotated[str, Meta(pattern=r"\A[A-Z]{2}-[A-Z0-9]{1,3}\Z")]
_Currency = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
_Touch = Annotated[str, Meta(max_length=MAX_TOUCH_CHARACTERS, pattern=r"\A[^\x00]*\Z")]
_Key = Annotated[str, Meta(max_length=255, pattern=r"\A[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\Z")]


class _Form(Struct, forbid_unknown_fields=True, gc=False):
    pass


class _Price(_Form):
    amount: Annotated[int, Meta(ge=0, le=10**15)]
    currency: _Currency


class _Line(_Form):
    listing_id: _Uuid
    qty: Annotated[int, Meta(ge=1, le=10_000)]
    unit_price: _Price
    slot_id: _Uuid | None = None


class _ShipTo(_Form):
    name: _Text
    phone: _Phone
    region: _Region
    address: _Address


class _Order(_Form):
    storefront_id: _Uuid
    buyer_ref: _Text
    payment: PaymentMode
    lines: Annotated[list[_Line], Meta(min_length=1, max_length=MAX_LINES)]
    ship_to: _ShipTo
    touch: _Touch | None = None


class _Keyed(_Order, kw_only=True):
    idempotency_key: _Key


# Of shape or value, of bytes that are no UTF-8, of what is nested beyond all measure.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

_read_order = msgspec.json.Decoder(_Order).decode
_read_keyed = msgspec.json.Decoder(_Keyed).decode
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


def read_order(ask: Ask) -> PlaceOrder:
    """The order that is asked for.

    Raises:
        Rejected: what `parse_json` refuses; `forbidden` for a buyer who orders as somebody else.
    """
    raw = ask.raw
    if ask.content_type == "application/json":
        try:
            return _command(ask.caller, _read_order(raw))
        except _UNREADABLE:  # pydantic says what is wrong, or that nothing is
            pass
    return _command(ask.caller, parse_json(_LAW, raw, ask.content_type))


def split_orders(ask: Ask) -> list[bytes]:
    """The bodies of a call with many orders. Raises `Rejected` for what is no list of 1 to 100."""
    try:
        bodies = [bytes(raw) for raw in _split(ask.raw)]
    except _UNREADABLE:
        bodies = []
        parse_json(_LIST_LAW, ask.raw, ask.content_type)
    if 1 <= len(bodies) <= MAX_ORDERS:
        return bodies
    errors = [{"field": "", "detail": f"Send a list of 1 to {MAX_ORDERS} orders."}]
    raise Rejected("validation_failed", "Correct the fields named in `errors`.", errors=errors)


def read_keyed_order(ask: Ask, raw: bytes) -> tuple[str, PlaceOrder]:
    """One of many orders, with its key. Raises as `read_order`."""
    form: _Keyed | KeyedOrder
    try:
        form = _read_keyed(raw)
    except _UNREADABLE:
        form = parse_json(_KEYED_LAW, raw, "")
    return form.idempotency_key, _command(ask.caller, form)


def _command(caller: Caller, form: _Order | NewOrder) -> PlaceOrder:
    """What is asked for, as the domain takes it."""
    lines: Sequence[_Line | NewLine] = form.lines
    if caller.role == "buyer" and form.buyer_ref != caller.party:
        raise Rejected("forbidden", "A buyer orders for itself: send your own party as buyer_ref.")
    return PlaceOrder(
        storefront_id=StorefrontId(form.storefront_id),
        buyer_ref=form.buyer_ref,
        placed_by=caller.party,
        payment=form.payment,
        lines=cast("Sequence[AskedLine]", lines),  # ids are plain text here
        ship_to=form.ship_to,
        touch=form.touch,
        loadtest=caller.loadtest,
    )
