"""That the bench works and says what it found; how fast anything is, no test asks."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.__main__ import ROWS, bench
from bench.servers import NotDurable, Servers
from shared.embedded.kafka import Kafka
from shared.embedded.postgres import Postgres


@pytest.fixture
def here(postgres: Postgres, kafka: Kafka) -> Servers:
    return Servers(postgres, kafka)


def written(folder: Path, row: str) -> Any:
    """The row's JSON, which has a plot beside it."""
    (path,) = folder.glob(f"*-{row}.json")
    assert path.with_suffix(".png").stat().st_size > 0
    return json.loads(path.read_text())


@pytest.mark.parametrize("row", ROWS)
async def test_a_row_prints_its_table_and_writes_its_figures_and_a_plot(
    here: Servers, row: str, tmp_path: Path
) -> None:
    told = io.StringIO()
    (report,) = await bench(here, [row], quick=True, folder=tmp_path, console=Console(file=told, width=140))
    assert all(each.verdict in told.getvalue() for each in report.figures)
    found = written(tmp_path, row)
    assert found["durable"]["fsync"] == "on"
    assert {"kafka_ms", "postgres_ms", "ours_ms", "rate"} <= found["runs"][0].keys()


async def test_a_server_that_may_forget_is_not_measured(here: Servers) -> None:
    schema = await here.schema("bench")
    await here.execute("CREATE UNLOGGED TABLE forgetful (n int)", schema)
    with pytest.raises(NotDurable, match="forgetful"):
        await here.require_durable(schema)
