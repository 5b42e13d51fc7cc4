"""Seeded statements of 20,000 rows with seven fault kinds at 1 % each: all are found, and nothing else is."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from services.logistics.tests import seeded
from services.logistics.tests.bank import Bank
from services.logistics.tests.world import World

PARCELS = 20_000
_FOUND = "SELECT kind, waybill FROM discrepancies WHERE resolved_at IS NULL"
_REMITTED = "SELECT count(*) FROM cod_cash WHERE state = 'REMITTED'"


@pytest.fixture
def seed() -> int:
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # shown when it fails
    return seed


async def test_every_planned_fault_is_found_with_no_false_alarm_and_all_good_rows_match(
    logistics: World, bank: Bank, seed: int
) -> None:
    parcels = seeded.plan(PARCELS, seed)
    async with logistics.db.transaction() as tx:
        await seeded.write(tx, parcels)
    body = seeded.statement(parcels, seed)
    assert body.count(b"\n") == PARCELS + 1
    job_id = (await bank.signed(body)).json()["job_id"]
    await bank.pass_time()
    await bank.skip(0)  # the sweep once more, now that every row was looked at
    planned = Counter((parcel.fault, parcel.waybill) for parcel in parcels if parcel.fault)
    found = Counter((row["kind"], row["waybill"]) for row in await logistics.db.pool.fetch(_FOUND))
    assert found == planned
    assert Counter(kind for kind, _ in found) == dict.fromkeys(seeded.FAULTS, PARCELS // 100)
    good = sum(parcel.fault in (None, "late", "duplicate") for parcel in parcels)
    job = await bank.job(job_id)
    assert (job["state"], job["rows"], job["matched"], job["bad_rows"]) == ("done", PARCELS, good, [])
    assert (len(job["discrepancies"]), job["discrepancies_total"]) == (1_000, 6 * PARCELS // 100)
    assert await logistics.db.pool.fetchval(_REMITTED) == good
    assert Counter(await bank.told())["CodRemitted"] == good
    assert Counter(await bank.told("logistics.discrepancies")) == {"DiscrepancyFound": sum(planned.values())}
