"""F2, F3, F7, F8, F9 and F12 of docs/guarantees.md, on the small pair: the messaging guarantees by themselves."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from shared.kernel import dead_letters
from shared.kernel.delivery.batch import Raw
from shared.kernel.tests import mill
from shared.kernel.tests.records import changed, counted
from tests.failures.edge import Edge
from tests.failures.load import Load
from tests.failures.rig import Pair, Process, Rig, caught_up, is_empty, reconcile, require, until

RELAY_POINTS = ("relay.before_send", "relay.after_send", "relay.before_delete")
QUIET_SECONDS = 60.0
IN_FLIGHT = 16 * 512  # what one relay may have read and not yet deleted


async def f2_failpoints(rig: Rig, seed: int) -> str:
    """Each process dies at each point where a message could be lost or doubled, ten times over."""
    told = []
    for point in (*RELAY_POINTS, "consumer.before_offsets"):
        async with rig.pair(f"f2-{point.replace('.', '-')}") as pair:
            relay, worker = pair.relay(), pair.worker()
            victim = relay if point in RELAY_POINTS else worker
            for one in (relay, worker):
                one.start(**({"WANPU_FAILPOINT": f"{point}:5"} if one is victim else {}))
            async with Load(pair, 1000, random.Random(seed)) as load:
                deaths = await _let_die(victim, point, times=10)
            require(deaths == 10, f"{point}: died {deaths} times of 10")
            victim.start()
            await until(f"{point}: everything through", lambda p=pair: caught_up(p), QUIET_SECONDS)  # type: ignore[misc]
            found = await reconcile(pair)
            require(found.copies <= deaths * IN_FLIGHT, f"{point}: {found.copies} copies")
            told.append(f"{point}: {load.sent} events, {deaths} deaths, {found.copies} copies, 0 lost, 0 doubled")
    told.append(await _f2_before_response(rig))
    return "; ".join(told)


async def _let_die(victim: Process, point: str, times: int) -> int:
    deaths, deadline = 0, time.monotonic() + 90
    while deaths < times and time.monotonic() < deadline:
        if victim.died() is not None:
            require(victim.died() == 137, f"{point}: ended with {victim.died()}, see {victim.log}")
            deaths += 1
            if deaths < times:
                victim.start(WANPU_FAILPOINT=f"{point}:5")
        await asyncio.sleep(0.05)
    return deaths


async def _f2_before_response(rig: Rig) -> str:
    """The process dies between commit and answer: the same key gets the answer, and one event went out."""
    async with rig.pair("f2-http") as pair:
        edge = Edge.make(pair)
        edge.process.start(WANPU_FAILPOINT="http.before_response:3")
        relay, worker = pair.relay(), pair.worker()
        relay.start()
        worker.start()
        await edge.until_ready()
        answers = [await edge.post(f"key-{n}", amount=1) for n in range(3)]
        require(answers[:2] == [201, 201] and answers[2] is None, f"before the fault: {answers}")
        edge.process.start()
        await edge.until_ready()
        again = await edge.client.post("/counts", json={"meter_id": "m1", "amount": 1}, headers=edge.headers("key-2"))
        require(again.status_code == 201 and again.json() == {"total": 3}, f"retry: {again.status_code} {again.text}")
        require(again.headers.get("idempotency-replayed") == "true", "the retry was not a replay")
        await edge.client.aclose()
        await until("everything through", lambda: caught_up(pair), QUIET_SECONDS)
        await reconcile(pair)
        return "http.before_response: the retry was answered from the commit, one effect"


async def f3_broker(rig: Rig, seed: int) -> str:
    """The broker is killed and started under load, then away for 60 s."""
    async with rig.pair("f3") as pair:
        pair.relay().start()
        pair.worker().start()
        async with Load(pair, 2000, random.Random(seed)) as load:
            await until("the first effect", lambda: _any(pair), QUIET_SECONDS)
            rig.kafka.kill()
            await asyncio.to_thread(rig.kafka.start)
            await asyncio.sleep(8)
            rig.kafka.kill()
            await asyncio.sleep(60)
        backlog = int(await pair.meter.pool.fetchval("SELECT count(*) FROM outbox"))
        await asyncio.to_thread(rig.kafka.start)
        began_with = await _until_moving(pair, backlog)
        seconds = await until("the backlog drained", lambda: is_empty(pair.meter, "outbox"), 120)
        rate = began_with / seconds
        require(load.longest_seconds < 3, f"a unit of work took {load.longest_seconds:.1f} s while the broker was away")
        await until("everything through", lambda: caught_up(pair), QUIET_SECONDS)
        found = await reconcile(pair)
        require(rate >= 10_000, f"the backlog of {backlog} drained at {rate:.0f} events/s")
        return f"{load.sent} committed, backlog {backlog} drained at {rate:,.0f}/s, {found.copies} copies, in order"


async def _until_moving(pair: Pair, backlog: int) -> int:
    """Wait until the relay has found the broker again; returns what is left to drain."""
    left = backlog
    deadline = time.monotonic() + 60
    while left >= backlog:
        require(time.monotonic() < deadline, "the relay did not find the broker again within 60 s")
        await asyncio.sleep(0.01)
        left = int(await pair.meter.pool.fetchval("SELECT count(*) FROM outbox"))
    return left


async def f7_disorder(rig: Rig, seed: int) -> str:
    """Every record two to ten times, shuffled across keys, topics and inside keys: the effects of one ordered run."""
    chance = random.Random(seed)
    results = []
    for mode in ("every", "latest"):
        for shuffled in (False, True):
            async with rig.pair(f"f7-{mode}-{shuffled}".lower()) as pair:
                records = [counted(f"m{m}", p, m * 100 + p) for m in range(100) for p in range(1, 51)]
                if shuffled:
                    records = [raw for raw in records for _ in range(chance.randint(2, 10))]
                    chance.shuffle(records)
                await send(pair, records)
                pair.worker(MILL_MODE=mode).start()
                await until("positions reached", lambda p=pair: _at(p, 100, 50), QUIET_SECONDS)  # type: ignore[misc]
                await until("nothing waits", lambda p=pair: is_empty(p.gauge, "waiting"), QUIET_SECONDS)  # type: ignore[misc]
                rows = await pair.gauge.pool.fetch("SELECT meter_id, total FROM totals ORDER BY meter_id")
                history = await pair.gauge.pool.fetch("SELECT meter_id, position FROM history ORDER BY meter_id, id")
                results.append(([tuple(row) for row in rows], [tuple(row) for row in history], len(records)))
    for plain, noisy in ((results[0], results[1]), (results[2], results[3])):
        require(plain[:2] == noisy[:2], "effects differ from the ordered single run")
    return f"{results[1][2]} and {results[3][2]} deliveries of 5,000 events: effects equal in both modes"


async def _at(pair: Pair, streams: int, position: int) -> bool:
    query = "SELECT count(*) FROM positions WHERE position = $1"
    return bool(await pair.gauge.pool.fetchval(query, position) == streams)


async def f8_malformed(rig: Rig, seed: int) -> str:
    """1 % malformed in 20,000, then 0.1 % that make a reaction fail: all parked, none lost, still fast."""
    clean = await _timed(rig, "f8-clean", [], 0.0, seed)
    malformed = await _timed(rig, "f8-malformed", _malformed(random.Random(seed)), 0.0, seed)
    failing = await _timed(rig, "f8-failing", [], 0.001, seed)
    ratios = (clean / malformed, clean / failing)
    require(ratios[0] >= 0.8, f"throughput with malformed records {ratios[0]:.2f} of the clean run")
    require(ratios[1] >= 0.4, f"throughput with failing reactions {ratios[1]:.2f} of the clean run")
    return f"all parked with a cause, 0 lost; throughput {ratios[0]:.2f} and {ratios[1]:.2f} of the clean run"


def _malformed(chance: random.Random) -> list[Raw]:
    """200 records, each broken in one of the ways that were seen in the field."""
    ways: list[dict[str, bytes | str | None]] = [
        {"value": b"{"},
        {"value": None},
        {"value": b'{"meter_id": 1}'},
        {"key": None},
        {"key": b"\xff\xfe"},
        {"ce_id": None},
        {"ce_id": b"\xff"},
        {"drop": "ce_id"},
        {"ce_source": b"\xff\xfe"},
    ]
    return [changed(counted(f"m{chance.randrange(2000)}", 11), **ways[n % len(ways)]) for n in range(200)]


async def _timed(rig: Rig, name: str, bad: Sequence[Raw], exploding: float, seed: int) -> float:
    """Seconds from the first effect to the last of 20,000 records over 2,000 keys, the bad ones among them."""
    chance = random.Random(seed)
    async with rig.pair(name) as pair:
        explode = {(chance.randrange(2000), 10) for _ in range(int(20_000 * exploding))}
        records = [counted(f"m{m}", p, 1, explode=(m, p) in explode) for p in range(1, 11) for m in range(2000)]
        for raw in bad:
            records.insert(chance.randrange(len(records)), raw)
        await send(pair, records)
        worker = pair.worker()
        worker.start()
        await until("the first effect", lambda: _any(pair), QUIET_SECONDS)
        began = time.monotonic()
        expected = len(records)
        await until("all taken up", lambda: _taken(pair, expected), QUIET_SECONDS)
        seconds = time.monotonic() - began
        await _settle_dead(pair, len(bad) + len(explode))
        require(
            await pair.gauge.pool.fetchval("SELECT count(*) FROM history") == 20_000 - len(explode), f"{name}: lost"
        )
        return seconds


async def _any(pair: Pair) -> bool:
    return not await is_empty(pair.gauge, "positions")


async def _taken(pair: Pair, number: int) -> bool:
    """Each record has had its effect, waits behind a dead letter, or is one."""
    query = """SELECT (SELECT count(*) FROM history) + (SELECT count(*) FROM waiting)
                    + (SELECT count(*) FROM dead_letters)"""
    return int(await pair.gauge.pool.fetchval(query)) >= number


async def _settle_dead(pair: Pair, expected: int) -> None:
    """Every bad record lies parked with its cause and place; discarding them lets the good ones behind them go on."""
    rows = await pair.gauge.pool.fetch("SELECT * FROM dead_letters ORDER BY id")
    require(len(rows) == expected, f"{len(rows)} parked of {expected}")
    require(all(row["cause"] and row["offset"] is not None for row in rows), "a dead letter without its cause")
    router = mill.adding()
    for row in rows:
        await dead_letters.discard(pair.gauge, router, row["id"])
    for table in ("dead_letters", "parked", "waiting"):
        require(await is_empty(pair.gauge, table), f"{table} is not empty after all were discarded")


async def f9_rebalance(rig: Rig, seed: int) -> str:
    """Consumers join and leave every two seconds, some without a word, under load."""
    chance = random.Random(seed)
    async with rig.pair("f9") as pair:
        pair.relay().start()
        workers = [pair.worker() for _ in range(3)]
        workers[0].start()
        async with Load(pair, 1000, random.Random(seed)) as load:
            for _ in range(15):
                one = chance.choice(workers[1:])
                if one.popen is None or one.died() is not None:
                    one.start()
                else:
                    await one.stop(chance.choice([signal.SIGTERM, signal.SIGKILL]))
                await asyncio.sleep(2)
        await until("everything through", lambda: caught_up(pair), QUIET_SECONDS)
        await reconcile(pair)
        return f"{load.sent} events, 15 comings and goings: 0 lost, each effect once, in order"


async def f12_zombie(rig: Rig, seed: int) -> str:
    """A relay stands still for 30 s with its work half done, then goes on."""
    async with rig.pair("f12") as pair:
        zombie, heir = pair.relay(), pair.relay()
        zombie.start()
        heir.start()
        pair.worker().start()
        async with Load(pair, 1000, random.Random(seed)):
            await until("both relays at work", lambda: _shares(pair, 8, 8, 16), QUIET_SECONDS)
            zombie.send(signal.SIGSTOP)
            stopped = time.monotonic()
            took_over = await until("its buckets taken over", lambda: _shares(pair, 16, 16), 14)
            await asyncio.sleep(30 - (time.monotonic() - stopped))
            zombie.send(signal.SIGCONT)
            await asyncio.sleep(3)
        await until("everything through", lambda: caught_up(pair), QUIET_SECONDS)
        found = await reconcile(pair)
        require(took_over <= 12, f"taken over after {took_over:.1f} s")
        return f"buckets taken over in {took_over:.1f} s, {found.copies} late copies, first seen in order"


async def _shares(pair: Pair, *expected: int) -> bool:
    """The bucket locks are held by so many sessions, so many each; sixteen of them are the gauge's own relay's."""
    query = """SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
              GROUP BY pid HAVING count(*) > 1"""
    return sorted(row["n"] for row in await pair.meter.pool.fetch(query)) == list(expected)


async def send(pair: Pair, records: Sequence[Raw]) -> None:
    """Put records into the meter's topic as they are, in this order."""
    producer = AIOKafkaProducer(bootstrap_servers=pair.kafka.bootstrap, enable_idempotence=True)
    await producer.start()
    try:
        for start in range(0, len(records), 1000):
            sent = [
                await producer.send(mill.Counted.topic.name, raw.value, raw.key, headers=list(raw.headers))
                for raw in records[start : start + 1000]
            ]
            await asyncio.gather(*sent)
    finally:
        await producer.stop()


FAULTS = {
    "F2": f2_failpoints,
    "F3": f3_broker,
    "F7": f7_disorder,
    "F8": f8_malformed,
    "F9": f9_rebalance,
    "F12": f12_zombie,
}
