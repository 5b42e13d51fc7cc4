"""Whoever reads the public topic alone has every balance, to the minor unit."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

from services.orders.domain.lifecycle import Asker
from services.orders.tests.histories.dice import steps
from services.orders.tests.histories.real import Real
from services.orders.tests.histories.world import World
from services.orders.tests.journey import Edge, Journey
from shared.contracts.event import Topic
from shared.embedded.kafka import Kafka
from shared.kernel import kafka as topics
from shared.kernel.ids import new_id

SCRIPT = Path(__file__).parents[3] / "docs" / "examples" / "rebuild_balances.py"
TOLD = "SELECT key, event_id, type, headers, body FROM outbox WHERE topic = 'orders.ledger' ORDER BY id"
OPERATOR = Asker("operator", "operator-1")


async def test_a_script_that_reads_only_the_topic_agrees_with_the_service(
    journey: Journey, edge: Edge, kafka: Kafka
) -> None:
    world = World()
    real = Real(journey, world)
    for _ in steps(world, random.Random(26).randbytes(150)):
        await real.catch_up()
    topic = f"ledger-{new_id()}"
    await _tell(kafka, topic, await journey.db.pool.fetch(TOLD))
    rebuilt = await _rebuild(kafka, topic)
    parties = await journey.db.pool.fetch("SELECT DISTINCT party FROM balances WHERE account LIKE 'payable:%'")
    assert {row["party"] for row in parties} == {each["party"] for each in rebuilt}
    assert any(each["paid"] for each in rebuilt), "a history with a payout"
    for each in rebuilt:
        answer = (await edge.get(OPERATOR, f"/balances/{each['party']}?currency={each['currency']}")).json()
        assert {name: answer[name]["amount"] for name in ("held", "available", "in_payout", "paid")} == {
            name: each[name] for name in ("held", "available", "in_payout", "paid")
        }


async def _tell(kafka: Kafka, topic: str, rows: list[Any]) -> None:
    """As the relay sends them, and every third one twice."""
    await topics.apply_topics(kafka.bootstrap, [Topic(topic, "orders", "stream_id")])
    producer = topics.producer(kafka.bootstrap, "tests")
    await producer.start()
    try:
        for number, row in enumerate(rows):
            headers = [("ce_id", str(row["event_id"]).encode()), ("ce_type", row["type"].encode())]
            for _ in range(1 + (number % 3 == 0)):
                await producer.send_and_wait(topic, row["body"], row["key"].encode(), headers=headers)
    finally:
        await producer.stop()


async def _rebuild(kafka: Kafka, topic: str) -> list[dict[str, Any]]:
    asked = (sys.executable, str(SCRIPT), "--bootstrap", kafka.bootstrap, "--topic", topic)
    process = await asyncio.create_subprocess_exec(*asked, stdout=asyncio.subprocess.PIPE)
    out, _ = await process.communicate()
    assert process.returncode == 0
    return [json.loads(line) for line in out.decode().splitlines()]
