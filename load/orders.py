"""`POST /orders` as prebuilt bytes: many buyers with a token and a touch each, a fresh key an order."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from load.market import SHIP_TO, Listing, Market
from load.wire import Address, Shot, Shown, address_of, closed_loop
from shared.kernel.ids import new_id
from wanpu.demo.client import DemoError, Platform, money
from wanpu.token import mint_token

Shots = Iterator[Shot]

BUYERS = 1_000
CONNECTIONS = 16  # that touches are asked for by


@dataclass(frozen=True, slots=True)
class Buyer:
    """Somebody with a token and a fresh arrival in the storefront."""

    party: str
    token: str
    touch: str


@dataclass(frozen=True, slots=True)
class Mix:
    """Shares from 0 to 1: of orders for the first listing (`hot`), and paid on delivery (`cod`)."""

    hot: float = 0.0
    cod: float = 0.5
    seed: int = 1


async def arrive(platform: Platform, market: Market, count: int = BUYERS) -> list[Buyer]:
    """So many new buyers, each led to the shop by its creator's friend.

    Raises:
        DemoError: the storefront signed too few touches.
    """
    crowd = new_id()  # nobody else's: what `reconcile` compares with a history is the parties'
    parties = [f"load-{crowd}-{n}" for n in range(count)]
    tokens = {party: mint_token(platform.keys, "buyer", party, loadtest=platform.loadtest) for party in parties}
    touches: dict[str, str] = {}

    def keep(shown: Shown) -> None:
        if shown.status == 201 and shown.body:
            touches[shown.tag] = orjson.loads(shown.body)["touch"]

    where = address_of(platform.urls["storefront"])
    asked = [_touching(market, where, party, token) for party, token in tokens.items()]
    run = await closed_loop([where], iter(asked), connections=CONNECTIONS, sink=keep)
    if len(touches) < count:
        raise DemoError(f"the storefront signed {len(touches)} of {count} touches: {run.answers}")
    return [Buyer(party, token, touches[party]) for party, token in tokens.items()]


def shots(market: Market, buyers: Sequence[Buyer], where: Address, mix: Mix | None = None) -> Shots:
    """Orders without end, a different buyer each; the tag is (party, idempotency key).

    The pieces are encoded once: joining them takes 3 µs of the cores that the load shares with what it measures.
    """
    mix = mix or Mix()
    chance = random.Random(mix.seed)
    run = new_id()
    heads = [
        (buyer.party, _head("/orders", where, buyer.token) + b"\r\nidempotency-key: ", *_frame(market, buyer))
        for buyer in buyers
    ]
    lines = [_line(listing) for listing in market.listings]
    number = 0
    while True:
        for party, head, start, end in heads:
            number += 1
            line = lines[0] if chance.random() < mix.hot else chance.choice(lines)
            payment = b"cod" if chance.random() < mix.cod else b"prepaid"
            key = f"{run}-{number}"
            body = b"".join((start, payment, line, end))
            yield Shot(b"%b%b\r\ncontent-length: %d\r\n\r\n%b" % (head, key.encode(), len(body), body), (party, key))


def bodies(market: Market, buyers: Sequence[Buyer], mix: Mix | None = None) -> Iterator[dict[str, Any]]:
    """The same orders as JSON, for calls that carry several: `POST /orders/batch`."""
    for shot in shots(market, buyers, ("", 80), mix):
        yield orjson.loads(shot.request.partition(b"\r\n\r\n")[2])


def _frame(market: Market, buyer: Buyer) -> tuple[bytes, bytes]:
    """A body up to how it is paid, and from behind its lines."""
    start = {"storefront_id": market.storefront_id, "buyer_ref": buyer.party, "touch": buyer.touch}
    end = {"ship_to": SHIP_TO}
    return orjson.dumps(start)[:-1] + b',"payment":"', b"," + orjson.dumps(end)[1:]


def _line(listing: Listing) -> bytes:
    line = {"listing_id": listing.listing_id, "qty": 1, "unit_price": money(listing.price)}
    return b'","lines":[' + orjson.dumps(line) + b"]"


def _touching(market: Market, where: Address, viewer: str, token: str) -> Shot:
    """An arrival by a shared link, with the token that says it is a load test's."""
    body = orjson.dumps(
        {
            "storefront_id": market.storefront_id,
            "entry_point": "share",
            "shared_by": market.referrer_id,
            "viewer_ref": viewer,
        }
    )
    return Shot(b"%b\r\ncontent-length: %d\r\n\r\n%b" % (_head("/touches", where, token), len(body), body), viewer)


def _head(path: str, where: Address, token: str) -> bytes:
    """A request up to what differs from call to call; its last line is open."""
    host, port = where
    return (
        f"POST {path} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {token}\r\n"
        "content-type: application/json"
    ).encode()
