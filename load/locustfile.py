"""For locust: `python -m load prepare`, then `locust -f load/locustfile.py --headless --users 300 --spawn-rate 100`.

Each user offers one order a second at most and waits for its answer: no open loop, slow answers make it offer less.
locust is none of our requirements: install it in an environment of its own.
"""

from __future__ import annotations

import json
import os
import random
import uuid
from pathlib import Path
from typing import Any

from locust import FastHttpUser, constant_throughput, task

PREPARED = Path(os.environ.get("PREPARED", Path(__file__).parent / "results" / "prepared.json"))
MARKET: dict[str, Any] = json.loads(PREPARED.read_text())


class Shopper(FastHttpUser):  # type: ignore[misc]  # locust is not installed where we check types
    """Orders one piece at a time, each as another buyer."""

    host = MARKET["orders_urls"][0]  # for locust's own display
    wait_time = constant_throughput(1)

    @task  # type: ignore[untyped-decorator]
    def order(self) -> None:
        buyer, listing = random.choice(MARKET["buyers"]), random.choice(MARKET["listings"])
        price = {"amount": listing["price"], "currency": "CNY"}
        body = {
            "storefront_id": MARKET["storefront_id"],
            "buyer_ref": buyer["party"],
            "touch": buyer["touch"],
            "payment": random.choice(("cod", "prepaid")),
            "lines": [{"listing_id": listing["listing_id"], "qty": 1, "unit_price": price}],
            "ship_to": MARKET["ship_to"],
        }
        headers = {"Authorization": f"Bearer {buyer['token']}", "Idempotency-Key": str(uuid.uuid4())}
        where = random.choice(MARKET["orders_urls"])
        self.client.post(f"{where}/orders", name="/orders", json=body, headers=headers)
