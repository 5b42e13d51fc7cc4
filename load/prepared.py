"""All that another load tool needs, as JSON: where to send, what to order, and who orders."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import orjson

from load import market, orders
from load.market import SHIP_TO
from load.target import Target
from wanpu.demo.client import Platform

FILE = Path(__file__).parent / "results" / "prepared.json"


async def prepare(target: Target, variants: int, buyers: int, file: Path) -> None:
    """Build a market with its buyers and write them to `file`, for the owner only: it holds their tokens."""
    async with Platform(target.urls, target.keys, loadtest=True) as platform:
        place = await market.build(platform, variants)
        crowd = await orders.arrive(platform, place, buyers)
    found = {
        "orders_urls": target.orders_urls,
        "storefront_id": place.storefront_id,
        "ship_to": SHIP_TO,
        "listings": [asdict(each) for each in place.listings],
        "buyers": [asdict(each) for each in crowd],
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        os.fchmod(handle, 0o600)  # an older file keeps its mode otherwise
        out.write(orjson.dumps(found))
