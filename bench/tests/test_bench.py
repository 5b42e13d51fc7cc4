"""That the bench works and says what it found; how fast anything is, no test asks."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.__main__ import QUICK, ROWS, bench
from bench.end_to_end import town
from bench.pgbench import PgbenchFailed, Script
from bench.servers import NotDurable, Servers, servers
from bench.stand import COPY, Stand, stand
from shared.embedded.kafka import Kafka
from shared.embedded.postgres import Postgres


@pytest.fixture
def here(postgres: Postgres, kafka: Kafka) -> Servers:
    return Servers(postgres, kafka)


@pytest.fixture(scope="module")
async def market() -> AsyncIterator[Stand]:
    async with QUICK[stand]() as made:
        yield made


def written(folder: Path, row: str) -> Any:
    """The row's JSON, which has a plot beside it."""
    (path,) = folder.glob(f"*-{row}.json")
    assert path.with_suffix(".png").stat().st_size > 0
    return json.loads(path.read_text())


def rows_at(place: Any) -> list[str]:
    return [name for name, row in ROWS.items() if row.place is place]


async def shows_its_figures(here: Any, row: str, folder: Path) -> Any:
    """Measure a row quickly; returns its JSON."""
    told = io.StringIO()
    (report,) = await bench(here, [row], quick=True, folder=folder, console=Console(file=told, width=160))
    assert all(figure.verdict in told.getvalue() for figure in report.figures)
    found = written(folder, row)
    assert found["durable"]["fsync"] == "on"
    assert {"kafka_ms", "postgres_ms", "ours_ms", "rate"} <= found["runs"][0].keys()
    return found


@pytest.mark.parametrize("row", rows_at(servers))
async def test_a_row_prints_its_table_and_writes_its_figures_and_a_plot(
    here: Servers, row: str, tmp_path: Path
) -> None:
    await shows_its_figures(here, row, tmp_path)


@pytest.mark.parametrize("row", rows_at(stand))
async def test_a_row_of_intake_does_the_same(market: Stand, row: str, tmp_path: Path) -> None:
    await shows_its_figures(market, row, tmp_path)


async def test_the_highest_rate_end_to_end_is_one_after_which_everything_is_true(tmp_path: Path) -> None:
    async with QUICK[town]() as whole:
        found = await shows_its_figures(whole, "end_to_end", tmp_path)
    assert re.fullmatch(r"all \d+ checks hold for [\d,]+ orders", found["notes"]["reconcile"])


async def test_pgbench_writes_what_an_order_writes(market: Stand) -> None:
    await market.clear()
    assert {"orders", "lines", "supplier_orders", "outbox", "idempotency"} <= market.samples["cod"].rows.keys()
    assert {"payments", "timers"} <= market.samples["prepaid"].rows.keys()
    assert (
        market.samples["cod"].counts["outbox"] > market.samples["prepaid"].counts["outbox"]
    )  # it is confirmed at once


async def test_a_script_that_fails_is_no_figure(market: Stand) -> None:
    with pytest.raises(PgbenchFailed, match="no_such_table"):
        await market.pgbench.run(Script("broken", ["SELECT * FROM no_such_table;"]), clients=1, seconds=1)


async def test_rows_that_are_missing_are_noticed(market: Stand) -> None:
    await market.clear()
    with pytest.raises(AssertionError, match="of 1 orders"):
        await market.require_rows(COPY, 1)


async def test_a_server_that_may_forget_is_not_measured(here: Servers) -> None:
    schema = await here.schema("bench")
    await here.execute("CREATE UNLOGGED TABLE forgetful (n int)", schema)
    with pytest.raises(NotDurable, match="forgetful"):
        await here.require_durable(schema)
