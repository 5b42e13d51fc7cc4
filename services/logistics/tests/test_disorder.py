"""Reports in any order, doubled, at once, before and after the hand-over: the books still agree."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any, get_args

from services.logistics.domain import ParcelKind
from services.logistics.domain.parcel import AHEAD
from services.logistics.tests.world import NOON, World, abreast, yuan
from shared.contracts.values import ParcelState
from shared.kernel.ids import new_id

SEED = 20261122
PARCELS, REPORTS = 20, 8


def some_report(chance: random.Random, waybill: str) -> dict[str, Any]:
    kind = chance.choice((*get_args(ParcelKind), "cod_collected", "cod_collected"))
    money = {"amount": yuan(chance.choice([12_900, 12_900, 100, 20_000])), "method": "pos"}
    moment = NOON.replace(minute=chance.randrange(60)).isoformat()
    told = money if kind == "cod_collected" else {}
    return {"report_id": new_id(), "waybill": waybill, "kind": kind, "at": moment, **told}


async def one_parcel(logistics: World, parcel: str, number: int) -> None:
    chance = random.Random(SEED + number)
    waybill = f"D-{number}"
    reports = [some_report(chance, waybill) for _ in range(REPORTS)]
    calls = [logistics.send(report) for report in reports + chance.sample(reports, 3)]
    calls.append(logistics.hand_over(parcel, waybill))
    chance.shuffle(calls)
    assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}


async def test_whatever_carriers_report_states_are_legal_streams_whole_and_cash_accounted_for(logistics: World) -> None:
    parcels = [await logistics.parcel() for _ in range(PARCELS)]
    await abreast(one_parcel(logistics, parcel, number) for number, parcel in enumerate(parcels))
    streams: dict[str, list[tuple[int, ParcelState]]] = {parcel: [] for parcel in parcels}
    for event in await logistics.told():
        streams[event.key].append((event.position, event.body["parcel_state"]))
    for parcel, stream in streams.items():
        states = [state for _, state in stream]
        assert [position for position, _ in stream] == list(range(1, len(stream) + 1))
        assert all(after in AHEAD[before] for before, after in pairwise(states))
        assert states[-1] == (await logistics.seen(parcel))["parcel_state"]
    await every_collection_is_counted_or_found(logistics)


async def every_collection_is_counted_or_found(logistics: World) -> None:
    pool = logistics.db.pool
    counted = {event.body["collection_id"] for event in await logistics.told("logistics.cod")}
    found = {row[0] for row in await pool.fetch("SELECT subject FROM discrepancies WHERE kind = 'duplicate'")}
    sql = "SELECT carrier || ':' || report_id FROM carrier_reports WHERE kind = 'cod_collected'"
    collected = {row[0] for row in await pool.fetch(sql)}
    assert collected == counted | found
    assert not counted & found
    assert await pool.fetchval("SELECT count(*) FROM carrier_reports WHERE shipment_id IS NULL") == 0
    assert "unmatched" not in await logistics.discrepancies()
