"""The `wanpu` command. Commands of other modules are mounted by the table below and imported only when they run."""

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from shared.embedded.process import StackError

app = typer.Typer(
    name="wanpu",
    help="Wanpu: ten thousand shops, one platform of event-driven services.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
keys_app = typer.Typer(help="The keys and passwords of a deployment.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")


@dataclass(frozen=True)
class Mount:
    """A command that lives elsewhere: a Typer app, or a function whose parameters become options."""

    name: str
    module: str
    attribute: str
    help: str


MOUNTS = (
    Mount("demo", "wanpu.demo", "run", "The main job end to end, unattended, then the check of the invariants."),
    Mount("reconcile", "wanpu.reconcile", "run", "Compare every schema with every topic and check the invariants."),
    Mount("dlq", "wanpu.dlq", "app", "Dead letters: list, show, replay, discard."),
    Mount("outbox", "wanpu.outbox", "app", "Events that could not be sent: list them, send them again."),
    Mount("schemas", "wanpu.schemas", "app", "Schemas and examples of every event: write them, or check them."),
    Mount("settings", "wanpu.settings", "app", "The page of all settings: write it, or check it."),
)

Data = Annotated[Path, typer.Option(envvar="WANPU_DATA", help="The folder that holds the stack's data, keys and logs.")]
Keys = Annotated[Path, typer.Option("--dir", envvar="WANPU_KEYS_DIR", help="The folder that holds all keys.")]
PostgresDsn = Annotated[str, typer.Option(envvar="WANPU_POSTGRES_DSN", help="An administrator's connection string.")]
Bootstrap = Annotated[str, typer.Option(envvar="WANPU_KAFKA_BOOTSTRAP", help="host:port of the Kafka to prepare.")]
DATA = Path(".wanpu")
KEYS = DATA / "keys"


@app.command()
def up(
    data: Data = DATA,
    port_offset: Annotated[int, typer.Option(help="Added to every port, so that two stacks can run here.")] = 0,
    detach: Annotated[bool, typer.Option("--detach", help="Return when all is ready and leave it running.")] = False,
    quiet_sandbox: Annotated[
        bool, typer.Option("--quiet-sandbox", help="The sandbox acts only when it is told to.")
    ] = False,
    json_logs: Annotated[bool, typer.Option("--json-logs", help="Services log JSON instead of plain lines.")] = False,
) -> None:
    """Start PostgreSQL, Kafka, every service and the sandbox on this machine."""
    from wanpu.local import run

    given = run.Request(data.absolute(), port_offset, quiet_sandbox, json_logs)
    (run.detached if detach else run.foreground)(given)


@app.command()
def status(
    data: Data = DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array, for scripts.")] = False,
) -> None:
    """List the stack's processes: name, pid, ports, state, restarts."""
    from wanpu.local import run
    from wanpu.local.state import read_state

    rows = read_state(data.absolute()).rows()
    typer.echo(json.dumps(rows) if as_json else run.table(rows, data))


@app.command()
def logs(
    name: Annotated[str | None, typer.Argument(help="One process, for example orders-api; all if left out.")] = None,
    data: Data = DATA,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on as lines are written.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many last lines of each log.")] = 20,
) -> None:
    """Show what the processes have logged."""
    from wanpu.local.logs import show

    show(data.absolute() / "logs", name, lines=lines, follow=follow)


@app.command()
def down(data: Data = DATA) -> None:
    """Stop the stack in order; its data stays."""
    from wanpu.local import run

    run.down(data.absolute())


@keys_app.command("init")
def keys_init(folder: Keys = KEYS) -> None:
    """Make all keys and passwords that are missing, mode 0400; what is there is never changed."""
    from wanpu import keys

    made = keys.init(folder)
    for file in made:
        typer.echo(f"made {file}")
    if not made:
        typer.echo(f"nothing to do: all keys are in {folder}")


@app.command()
def token(
    role: Annotated[str, typer.Option(help="supplier, creator, buyer, carrier, operator or service.")],
    party: Annotated[str, typer.Option(help="Whom the token speaks for: an id of that role.")],
    loadtest: Annotated[bool, typer.Option("--loadtest", help="Its traffic touches no books.")] = False,
    ttl: Annotated[int, typer.Option(help="Seconds until it expires.", min=1)] = 86_400,
    folder: Keys = KEYS,
) -> None:
    """Print a bearer token, signed with the operator's key."""
    from wanpu.token import mint_token

    typer.echo(mint_token(folder, role, party, ttl_seconds=ttl, loadtest=loadtest))


@app.command()
def migrate(postgres_dsn: PostgresDsn, folder: Keys = KEYS) -> None:
    """Make the database's roles and schemas and apply every service's migrations."""
    from shared.kernel.settings import with_password
    from wanpu import jobs, keys

    keys.init(folder)
    dsn = with_password(postgres_dsn, keys.read(folder, keys.OPERATOR, "postgres_password"))
    for name in asyncio.run(jobs.prepare_database(dsn, folder)) or ["nothing to do"]:
        typer.echo(name)


@app.command()
def topics(
    kafka_bootstrap: Bootstrap = "127.0.0.1:9092",
    replicas: Annotated[int, typer.Option(help="Copies of each partition.", min=1)] = 1,
) -> None:
    """Create the declared topics that are missing."""
    from wanpu import jobs

    for name in asyncio.run(jobs.prepare_topics(kafka_bootstrap, replicas)) or ["nothing to do"]:
        typer.echo(name)


@app.command()
def relay(
    service: Annotated[str, typer.Argument(help="Whose outbox to empty.")],
    name: Annotated[str, typer.Option(help="This process's name in logs.")] = "",
) -> None:
    """Run a service's relay as a process of its own; as many as wanted share the work."""
    from shared.kernel.service import run

    run(service, "relay", name or f"{service}-relay")


def mount(arguments: Sequence[str]) -> None:
    """Register the commands of the table that exist; import the one that is called, list the others by name."""
    for entry in MOUNTS:
        if find_spec(entry.module) is None:
            continue
        if entry.name not in arguments[:1]:
            app.command(entry.name, help=entry.help)(lambda: None)
            continue
        command = getattr(import_module(entry.module), entry.attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=entry.name, help=entry.help)
        else:
            app.command(entry.name, help=entry.help)(command)


def main() -> None:
    """Run the command line; what is wrong with this machine is one sentence and exit code 1."""
    mount(sys.argv[1:])
    try:
        app(prog_name="wanpu")
    except StackError as error:
        typer.echo(f"wanpu: {error}", err=True)
        raise SystemExit(1) from error
