"""The prebuilt orders are what the service takes, each somebody's own."""

from __future__ import annotations

from collections import Counter
from itertools import islice
from typing import NamedTuple

import orjson
import pytest

from load.market import CHEAPEST, DEAREST, Listing, Market, price_of
from load.orders import Buyer, Mix, bodies, shots
from load.wire import Shot
from services.orders.http.forms import NewOrder
from services.orders.settings import Settings
from shared.kernel.ids import new_id

INTAKE = ("127.0.0.1", 8103)
LISTINGS = tuple(Listing(new_id(), new_id(), price_of(place)) for place in range(10))
MARKET = Market(new_id(), new_id(), new_id(), new_id(), LISTINGS)
BUYERS = [Buyer(f"load-{n}", f"token-{n}", f"touch-{n}") for n in range(50)]


class Sent(NamedTuple):
    """A request taken apart."""

    line: str
    headers: dict[str, str]
    body: bytes
    order: NewOrder


def sent(shot: Shot) -> Sent:
    head, _, body = shot.request.partition(b"\r\n\r\n")
    line, *headers = head.decode("ascii").split("\r\n")
    return Sent(line, dict(each.split(": ", 1) for each in headers), body, NewOrder.model_validate_json(body))


def some(count: int, mix: Mix | None = None) -> list[Sent]:
    return [sent(shot) for shot in islice(shots(MARKET, BUYERS, INTAKE, mix), count)]


def test_an_order_is_what_the_service_takes() -> None:
    for line, headers, body, order in some(100):
        assert line == "POST /orders HTTP/1.1"
        assert (headers["host"], headers["content-type"]) == ("127.0.0.1:8103", "application/json")
        assert int(headers["content-length"]) == len(body)
        assert order.storefront_id == MARKET.storefront_id
        (wanted,) = order.lines
        prices = {each.listing_id: each.price for each in LISTINGS}
        assert (wanted.qty, wanted.unit_price.amount) == (1, prices[wanted.listing_id])


def test_buyers_take_turns_with_their_own_token_and_touch() -> None:
    for number, (_, headers, _, order) in enumerate(some(120)):
        buyer = BUYERS[number % len(BUYERS)]
        assert (order.buyer_ref, order.touch) == (buyer.party, buyer.touch)
        assert headers["authorization"] == f"Bearer {buyer.token}"


def test_every_order_has_a_key_of_its_own_which_its_tag_knows() -> None:
    made = [*islice(shots(MARKET, BUYERS, INTAKE), 200), *islice(shots(MARKET, BUYERS, INTAKE), 200)]
    assert len({shot.tag for shot in made}) == 400
    for shot in made:
        found = sent(shot)
        assert shot.tag == (found.order.buyer_ref, found.headers["idempotency-key"])


@pytest.mark.parametrize(("cod", "hot"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.8)])
def test_shares_are_kept(cod: float, hot: float) -> None:
    found = some(2_000, Mix(hot=hot, cod=cod, seed=7))
    payments = Counter(each.order.payment for each in found)
    on_first = sum(each.order.lines[0].listing_id == LISTINGS[0].listing_id for each in found)
    assert payments["cod"] / 2_000 == pytest.approx(cod, abs=0.05)
    assert on_first / 2_000 == pytest.approx(hot + (1 - hot) / len(LISTINGS), abs=0.05)


def test_a_call_that_carries_several_takes_the_same_orders() -> None:
    alone = [orjson.loads(each.body) for each in some(5, Mix(seed=3))]
    assert list(islice(bodies(MARKET, BUYERS, Mix(seed=3)), 5)) == alone


def test_prices_let_cash_on_delivery_stand_without_a_code() -> None:
    prices = {price_of(place) for place in range(1_000)}
    assert (min(prices), max(prices)) == (CHEAPEST, DEAREST)
    assert max(prices) < Settings.model_fields["cod_auto_confirm_below"].default
