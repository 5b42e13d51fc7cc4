"""`make demo`: the whole job end to end, unattended, on a stack of its own; ends non-zero if an invariant fails."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from shared.embedded.process import StackError
from wanpu.demo import place
from wanpu.demo.client import DemoError
from wanpu.demo.scenario import play


def run(
    stack: Annotated[
        Literal["embedded", "compose"], typer.Option(help="A stack of the demo's own, or the one of docker compose.")
    ] = "embedded",
    data: Annotated[Path | None, typer.Option(help="Keep the stack's data here; else it is removed.")] = None,
    port_offset: Annotated[int | None, typer.Option(help="Added to every port; chosen if left out.")] = None,
    seed: Annotated[int, typer.Option(help="Of the buyers' choices.")] = 1,
) -> None:
    """Play the main job: suppliers, creators, sixty orders, the trail of one, who is owed what, the invariants."""
    console = Console(highlight=False, width=None if Console().is_terminal else 120)
    began = time.monotonic()
    logs = ""
    try:
        with _place(stack, console, data, port_offset) as where:
            logs = where.logs
            holds = asyncio.run(play(where, console, seed))
            if not holds:
                raise DemoError("an invariant does not hold: see the table above")
    except (DemoError, StackError) as error:
        console.print(f"[bold red]The demo failed:[/] {error}", markup=True)
        if logs:
            console.print(logs)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        console.print("interrupted; the stack is stopped")
        raise typer.Exit(130) from None
    console.print(f"[bold green]All of it holds[/] ({time.monotonic() - began:.0f} s)")


@contextmanager
def _place(stack: str, console: Console, data: Path | None, port_offset: int | None) -> Iterator[place.Place]:
    """The stack that was asked for; while it starts and stops a terminal shows one line, a log all of them."""
    with console.status("starting") as line:
        say = line.update if console.is_terminal else console.print
        began = time.monotonic()
        opened = place.compose(say) if stack == "compose" else place.embedded(say, data, port_offset)
        with opened as where:
            line.stop()
            console.print(f"[green]✓[/] the platform is up [dim]{time.monotonic() - began:.1f} s[/]")
            yield where
            line.start()
