"""Rebuild every party's balance from the public ledger topic alone, from offset 0 to its end.

    python docs/examples/rebuild_balances.py --bootstrap localhost:9092

Needs aiokafka and nothing else: a journal is plain JSON, and a balance is what its entries add up to, credits less
debits. Prints one JSON object a party and currency, which agrees with GET /balances/{party} to the minor unit.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

from aiokafka import AIOKafkaConsumer

SHOWN = {"payable:held": "held", "payable:available": "available", "payable:in_payout": "in_payout"}
PAID = {"payout_paid": "payable:in_payout", "payout_returned": "payable:available"}  # where a payout's journal names it


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--bootstrap", default="localhost:9092")
    parser.add_argument("--topic", default="orders.ledger")
    asked = parser.parse_args()
    balances: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: dict.fromkeys([*SHOWN.values(), "paid"], 0))
    async for journal in journals(asked.bootstrap, asked.topic):
        add(balances, journal)
    for (party, currency), sums in sorted(balances.items()):
        print(json.dumps({"party": party, "currency": currency, **sums}))


def add(balances: dict[tuple[str, str], dict[str, int]], journal: dict[str, Any]) -> None:
    """Add one journal's entries on the accounts that are somebody's money."""
    for entry in journal["entries"]:
        amount = entry["credit"] - entry["debit"]
        if entry["account"] in SHOWN:
            sums = balances[entry["party"], journal["currency"]]
            sums[SHOWN[entry["account"]]] += amount
            if PAID.get(journal["kind"]) == entry["account"]:
                sums["paid"] -= amount


async def journals(bootstrap: str, topic: str) -> AsyncIterator[dict[str, Any]]:
    """Every journal once: a redelivery has the same ce_id, and load tests move no money."""
    seen = set()
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        parts = consumer.assignment()  # all of them: without a group nobody shares them
        ends = await consumer.end_offsets(parts)
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for records in (await consumer.getmany(*parts, timeout_ms=1_000)).values():
                for record in records:
                    headers = {name: value.decode() for name, value in record.headers if value}
                    fresh = headers["ce_id"] not in seen and headers.get("ce_loadtest") != "true"
                    seen.add(headers["ce_id"])
                    if fresh and ".LedgerPosted." in headers["ce_type"]:
                        yield json.loads(record.value)
    finally:
        await consumer.stop()


asyncio.run(main())
