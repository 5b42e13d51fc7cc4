"""Whatever the fast reader takes, the law takes as well and understands the same."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import DecodeError
from pydantic import ValidationError

from services.orders.http import reading
from services.orders.http.forms import NewOrder
from services.orders.tests.edge import order_body
from services.orders.tests.market import ADDRESS, Goods, old_id
from shared.contracts.event import Cause
from shared.kernel.errors import Rejected
from shared.kernel.http import Ask, Caller

GOODS = Goods()
CHANNEL = Caller("service", "channel")
ODD: list[Any] = [
    *(None, True, 0, 1, -1, 1.0, 1.5, 1e3, 10**15, 10**18, 2**63, 2**64, 10**30, "", " ", "a", " a", "a ", "a\n", "3"),
    *(
        "\x00",
        "a\x00b",
        "x" * 200,
        "x" * 201,
        "x" * 600,
        "茶",
        "a\u2003",
        "\u2003a",
        "CN-ZJ",
        "cn-zj",
        "CN-ZJ\n",
        "CNY",
    ),
    *("cny", "13800000000", "+86 138-0000", "abc", "cod", "prepaid", old_id(), old_id().upper(), old_id() + "\n"),
    *([], {}, [1], {"a": 1}),
]
PATHS: list[tuple[str | int, ...]] = [
    *(("storefront_id",), ("buyer_ref",), ("payment",), ("touch",), ("lines",), ("ship_to",), ("extra",)),
    *(("lines", 0), ("lines", 0, "listing_id"), ("lines", 0, "qty"), ("lines", 0, "slot_id"), ("lines", 0, "extra")),
    *(("lines", 0, "unit_price"), ("lines", 0, "unit_price", "amount"), ("lines", 0, "unit_price", "currency")),
    *(("lines", 0, "unit_price", "extra"), ("ship_to", "extra")),
    *(("ship_to", name) for name in ("name", "phone", "region", "address")),
]


def changed(path: tuple[str | int, ...], value: Any) -> bytes:
    body: Any = copy.deepcopy(order_body(GOODS))
    part = body
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = value
    return orjson.dumps(body)


def agree(raw: bytes) -> None:
    """The fast reader refuses, or both understand the same."""
    try:
        fast = reading._read_order(raw)
    except (DecodeError, UnicodeDecodeError):
        return
    try:
        law = NewOrder.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise AssertionError(f"the law refuses what the fast reader takes: {raw!r}") from error
    assert understood(fast) == understood(law)


def understood(form: Any) -> Any:
    """A command as plain values, whichever form it was read from."""
    command = reading._command(CHANNEL, form)
    lines = [(line.listing_id, line.slot_id, line.qty, *price(line)) for line in command.lines]
    to = command.ship_to
    return replace(command, lines=(), ship_to=ADDRESS), lines, (to.name, to.phone, to.region, to.address)


def price(line: Any) -> tuple[Any, Any]:
    return line.unit_price.amount, line.unit_price.currency


def ask(raw: bytes, content_type: str = "application/json") -> Ask:
    return Ask(CHANNEL, Cause(), "POST /orders", raw, content_type, "k")


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_one_odd_value_anywhere_is_never_taken_by_the_fast_reader_alone(path: tuple[str | int, ...]) -> None:
    for value in ODD:
        if not (isinstance(value, int) and abs(value) >= 2**64):  # orjson writes no longer ones
            agree(changed(path, value))


@pytest.mark.parametrize("path", PATHS, ids=str)
def test_a_missing_field_is_never_taken_by_the_fast_reader_alone(path: tuple[str | int, ...]) -> None:
    if path[-1] in ("extra", 0):
        return
    body: Any = copy.deepcopy(order_body(GOODS))
    part = body
    for step in path[:-1]:
        part = part[step]
    part.pop(path[-1], None)
    agree(orjson.dumps(body))


@given(raw=st.binary(max_size=40), at=st.integers(0, 400))
@settings(max_examples=300, deadline=None)
def test_bytes_thrown_into_a_body_are_never_taken_by_the_fast_reader_alone(raw: bytes, at: int) -> None:
    body = orjson.dumps(order_body(GOODS))
    agree(body[:at] + raw + body[at:])


@given(text=st.text(max_size=12))
@settings(max_examples=300, deadline=None)
def test_any_text_is_understood_the_same(text: str) -> None:
    for path in [("buyer_ref",), ("ship_to", "name"), ("ship_to", "phone"), ("touch",)]:
        agree(changed(path, text))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1.0}',
        changed(("lines", 0, "qty"), 1.0),
        changed(("extra",), 1),
        changed(("ship_to", "name"), "a\x00b"),
        b"",
        b"[]",
        b"{",
    ],
)
def test_what_is_wrong_is_refused_by_the_law_with_its_fields(raw: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        reading.read_order(ask(raw))
    assert refused.value.code in ("validation_failed", "malformed_json")


def test_what_is_right_in_an_unusual_way_is_read_by_the_law() -> None:
    plain = reading.read_order(ask(orjson.dumps(order_body(GOODS))))
    shouted = orjson.dumps(order_body(GOODS) | {"storefront_id": GOODS.storefront_id.upper(), "buyer_ref": " buyer-1 "})
    unusual = reading.read_order(ask(orjson.dumps(order_body(GOODS)), "application/json; charset=utf-8"))
    for order in (unusual, reading.read_order(ask(shouted))):
        assert replace(order, lines=(), ship_to=ADDRESS) == replace(plain, lines=(), ship_to=ADDRESS)
