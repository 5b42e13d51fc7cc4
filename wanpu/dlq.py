"""`wanpu dlq`: records that could not take effect, each with its cause, source and bytes; replay or discard them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from shared.kernel import dead_letters
from shared.kernel.database import Database
from shared.kernel.dead_letters import Resolution
from shared.kernel.delivery import Router
from wanpu.layout import SERVICES
from wanpu.routers import router_of
from wanpu.servers import Servers

app = typer.Typer(help="Dead letters: list, show, replay, discard.", no_args_is_help=True)

Data = Annotated[Path, typer.Option(envvar="WANPU_DATA", help="The folder that holds the stack's data and keys.")]
Service = Annotated[str, typer.Option(help=f"Whose dead letter: one of {', '.join(SERVICES)}.")]
Number = Annotated[int, typer.Argument(help="The number that `wanpu dlq list` shows.")]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for scripts.")]
DATA = Path(".wanpu")
NO_SUCH, STILL_DEAD = 1, 2  # exit codes
SHOWN_BYTES = 4_000  # of a body on a terminal; --json shows it whole
T = TypeVar("T")


@app.command("list")
def list_letters(
    service: Annotated[str | None, typer.Option(help="One service; all if left out.")] = None,
    topic: Annotated[str | None, typer.Option(help="One topic.")] = None,
    data: Data = DATA,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """Show what is parked, oldest first; exit code 0 also when there is nothing."""
    services = [service] if service else list(SERVICES)
    rows = [row for each in services for row in asyncio.run(_list(each, data, topic, limit))]
    typer.echo(json.dumps(rows, default=str)) if as_json else _print_list(rows)


@app.command()
def show(number: Number, service: Service, data: Data = DATA, as_json: AsJson = False) -> None:
    """Show one dead letter whole: where it came from, why it is here, its headers and its bytes."""
    letter = asyncio.run(_show(service, data, number))
    if letter is None:
        raise _gone(service, number)
    typer.echo(json.dumps(letter, default=str)) if as_json else _print_letter(letter)


@app.command()
def replay(number: Number, service: Service, data: Data = DATA, as_json: AsJson = False) -> None:
    """Apply a dead letter and all that waits behind it, as if it came now; a second time changes nothing.

    Exit code 1: there is no such letter (any more); 2: it failed again and lies where it lay.
    """
    done = asyncio.run(_resolve(service, data, lambda db, router: dead_letters.replay(db, router, number)))
    _report(done, service, number, as_json, f"applied, {done.applied} events took effect")


@app.command()
def discard(number: Number, service: Service, data: Data = DATA, as_json: AsJson = False) -> None:
    """Give a dead letter up: its position counts as skipped and its stream goes on. Exit code 1: no such letter."""
    done = asyncio.run(_resolve(service, data, lambda db, router: dead_letters.discard(db, router, number)))
    _report(done, service, number, as_json, f"discarded, {done.applied} events behind it took effect")


async def _list(service: str, data: Path, topic: str | None, limit: int) -> list[dict[str, Any]]:
    async def work(db: Database) -> list[dict[str, Any]]:
        async with db.transaction() as tx:
            rows = await dead_letters.list_dead(tx, topic, limit)
        return [{"service": service, **dict(row)} for row in rows]

    return await _with(service, data, work)


async def _show(service: str, data: Path, number: int) -> dict[str, Any] | None:
    async def work(db: Database) -> dict[str, Any] | None:
        async with db.transaction() as tx:
            row = await dead_letters.show(tx, number)
        return _readable(dict(row), service) if row else None

    return await _with(service, data, work)


async def _resolve(service: str, data: Path, act: Callable[[Database, Router], Awaitable[Resolution]]) -> Resolution:
    Servers.of(data).tell_service(service)
    router = router_of(service)
    return await _with(service, data, lambda db: act(db, router))


async def _with(service: str, data: Path, work: Callable[[Database], Awaitable[T]]) -> T:
    db = await Database.open(Servers.of(data).service_dsn(service), service, size=1, application_name="wanpu-dlq")
    try:
        return await work(db)
    finally:
        await db.close()


def _readable(row: dict[str, Any], service: str) -> dict[str, Any]:
    """Bytes as text where they are text, else as base64, and said so."""
    headers = [
        [name, None if value is None else _text(base64.b64decode(value))] for name, value in row["headers"]["pairs"]
    ]
    return {"service": service, **row, "key": _text(row["key"]), "body": _text(row["body"]), "headers": headers}


def _text(value: bytes | None) -> str | None:
    if value is None:
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "base64:" + base64.b64encode(value).decode()


def _print_list(rows: list[dict[str, Any]]) -> None:
    if not rows:
        typer.echo("no dead letters: everything that came took effect")
        return
    table = Table("service", "no.", "source", "key", "position", "parked", "tries", "cause")
    for row in rows:
        source = f"{row['topic']}[{row['partition']}]@{row['offset']}"
        place = (row["service"], str(row["id"]), source, row["stream_key"] or "-", str(row["position"] or "-"))
        table.add_row(*place, f"{row['parked_at']:%m-%d %H:%M:%S}", str(row["attempts"]), row["cause"])
    Console().print(table)
    typer.echo("see one with `wanpu dlq show NO --service S`; then replay or discard it")


def _print_letter(letter: dict[str, Any]) -> None:
    for name in ("service", "id", "consumer", "topic", "partition", "offset", "key", "position", "event_id", "type"):
        typer.echo(f"{name:<10} {letter[name]}")
    typer.echo(f"{'parked':<10} {letter['parked_at']:%Y-%m-%d %H:%M:%S %Z}, tried {letter['attempts']} times")
    typer.echo(f"{'cause':<10} {letter['cause']}")
    for name, value in letter["headers"]:
        typer.echo(f"  {name}: {value}")
    body = letter["body"] or ""
    typer.echo(body[:SHOWN_BYTES] + ("… (--json shows all)" if len(body) > SHOWN_BYTES else ""))


def _report(done: Resolution, service: str, number: int, as_json: bool, sentence: str) -> None:
    if not done.found:
        raise _gone(service, number)
    if as_json:
        typer.echo(json.dumps({"found": True, "applied": done.applied, "cause": done.cause}))
    elif done.cause:
        typer.echo(f"{service} {number}: failed again, and lies where it lay: {done.cause}", err=True)
    else:
        typer.echo(f"{service} {number}: {sentence}")
    raise typer.Exit(STILL_DEAD if done.cause else 0)


def _gone(service: str, number: int) -> typer.Exit:
    typer.echo(f"{service} has no dead letter {number}: it was replayed or discarded, or never was", err=True)
    return typer.Exit(NO_SUCH)
