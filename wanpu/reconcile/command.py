"""`wanpu reconcile`: for people a table, for scripts JSON, and an exit code for both."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wanpu.reconcile.check import load_routers, reconcile
from wanpu.reconcile.finding import Finding
from wanpu.reconcile.history import History
from wanpu.reconcile.quiet import until_quiet
from wanpu.servers import Servers

BROKEN = 1  # exit code when an invariant does not hold


def run(
    data: Annotated[Path, typer.Option(envvar="WANPU_DATA", help="The folder that holds the stack's data.")] = Path(
        ".wanpu"
    ),
    history: Annotated[Path | None, typer.Option(help="A driver's history: JSON lines.")] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for quiet first.", min=0)] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="JSON, for scripts.")] = False,
) -> None:
    """Compare every schema with every topic and check the invariants; exit code 1 when one does not hold."""
    servers = Servers.of(data)
    known = History.load(history) if history else None
    findings = asyncio.run(_check(servers, known, wait))
    if as_json:
        typer.echo(json.dumps([finding.as_json() for finding in findings], ensure_ascii=False))
    else:
        Console().print(report(findings))
    raise typer.Exit(0 if all(finding.holds for finding in findings) else BROKEN)


async def _check(servers: Servers, history: History | None, wait: float) -> list[Finding]:
    dsn, routers = servers.auditor_dsn(), load_routers()
    if wait:
        await until_quiet(dsn, servers.bootstrap, routers, seconds=wait)
    return await reconcile(dsn, servers.bootstrap, history, routers=routers)


def report(findings: Sequence[Finding]) -> Table:
    """The findings as a table."""
    broken = sum(not finding.holds for finding in findings)
    title = f"{broken} of {len(findings)} checks failed" if broken else f"all {len(findings)} checks hold"
    table = Table("invariant", "check", "", "found", title=title)
    for each in findings:
        found = "\n".join([each.sentence, *(f"· {fault}" for fault in each.faults)])
        mark = "[green]holds[/]" if each.holds else "[bold red]broken[/]"
        table.add_row(str(each.invariant), each.name, mark, escape(found))
    return table
