"""`wanpu outbox`: events that could not be sent, and what was set aside behind them in their streams."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from shared.kernel.database import Database
from shared.kernel.relay import dead
from wanpu.layout import SERVICES
from wanpu.servers import Servers

app = typer.Typer(help="Events that could not be sent: list them, send them again.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(envvar="WANPU_DATA", help="The folder that holds the stack's data and keys.")]
Service = Annotated[str, typer.Option(help=f"One of {', '.join(SERVICES)}.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for scripts.")]
DATA = Path(".wanpu")


@app.command("list")
def list_dead(
    service: Annotated[str | None, typer.Option(help="One service; all if left out.")] = None,
    data: Data = DATA,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """Show what lies aside, oldest first; exit code 0 also when there is nothing."""
    services = [service] if service else list(SERVICES)
    rows = [row for each in services for row in asyncio.run(_rows(each, data, limit))]
    typer.echo(json.dumps(rows, default=str)) if as_json else _print(rows)


@app.command()
def replay(
    service: Service,
    key: Annotated[str | None, typer.Option(help="One stream's key; everything if left out.")] = None,
    data: Data = DATA,
    as_json: AsJson = False,
) -> None:
    """Move events back into the outbox, in order; put right first what kept them. Exit code 1 if there were none."""
    moved = asyncio.run(_replay(service, data, key))
    typer.echo(json.dumps({"moved": moved}) if as_json else f"{moved} events of {service} go out again")
    raise typer.Exit(0 if moved else 1)


async def _rows(service: str, data: Path, limit: int) -> list[dict[str, Any]]:
    db = await Database.open(Servers.of(data).service_dsn(service), service, size=1, application_name="wanpu-outbox")
    try:
        async with db.transaction() as tx:
            return [{"service": service, **dict(row)} for row in await dead.list_dead(tx, limit)]
    finally:
        await db.close()


async def _replay(service: str, data: Path, key: str | None) -> int:
    db = await Database.open(Servers.of(data).service_dsn(service), service, size=1, application_name="wanpu-outbox")
    try:
        return await db.run(lambda tx: dead.replay_dead(tx, key))
    finally:
        await db.close()


def _print(rows: list[dict[str, Any]]) -> None:
    if not rows:
        typer.echo("nothing was set aside: every event could be sent")
        return
    table = Table("service", "topic", "key", "position", "type", "set aside", "cause")
    for row in rows:
        place = (row["service"], row["topic"], row["key"], str(row["aggregate_version"]))
        table.add_row(*place, row["type"].split(".")[-2], f"{row['moved_at']:%m-%d %H:%M:%S}", row["cause"])
    Console().print(table)
