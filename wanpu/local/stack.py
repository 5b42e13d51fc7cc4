"""The whole platform over one data folder: what is started, in which order, with which settings."""

import asyncio
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil

from shared.embedded.kafka import Kafka
from shared.embedded.postgres import Postgres
from shared.embedded.process import Progress, StackError, make_folder, stop_leftover
from wanpu import keys
from wanpu.jobs import KAFKA_BOOTSTRAP, POSTGRES_DSN, prepare_database, prepare_topics
from wanpu.layout import AUDITOR, SANDBOX, SERVICES, Ports, role_of
from wanpu.local.services import PythonProcess, exists
from wanpu.local.state import Lock, Phase, StackState, read_state, write_state
from wanpu.local.supervisor import Supervised, Supervisor
from wanpu.provision import in_database

SERVICE_MODULE = "shared.kernel.service"
WORKERS_NICE, MOST_NICE = "WANPU_WORKERS_NICE", 19  # the last is Linux' own
SERVERS = (POSTGRES_DSN, KAFKA_BOOTSTRAP)


def named_servers() -> dict[str, str]:
    """The servers that this environment names, for a `Stack` that is meant to use them."""
    return {name: os.environ[name] for name in SERVERS if os.environ.get(name)}


class Stack:
    """Starts, watches and stops everything; also as `with` and `async with`.

    `env` is added to what every service and outside party is told (`WANPU_COD_CONFIRM_SECONDS` …). In it a
    `WANPU_POSTGRES_DSN` (an administrator's) or a `WANPU_KAFKA_BOOTSTRAP` puts that server in the embedded one's place;
    the environment's own are left out, because starting sets that server's passwords anew: whoever means them says
    `named_servers()`. A `WANPU_WORKERS_NICE` (0 to 19) lets those go first whose answer somebody waits for.
    """

    def __init__(
        self,
        data: Path,
        port_offset: int = 0,
        *,
        env: Mapping[str, str] | None = None,
        quiet_sandbox: bool = False,
        json_logs: bool = False,
        progress: Progress = print,
    ) -> None:
        self.data = data.absolute()
        self.ports = Ports(port_offset)
        self.secrets = self.data / "keys"
        usual = {name: value for name, value in os.environ.items() if name not in SERVERS}
        self._given = usual | dict(env or {})
        self.workers_nice = _nice(self._given.get(WORKERS_NICE) or "0")
        self._flags = {"WANPU_QUIET_SANDBOX": str(int(quiet_sandbox)), "WANPU_LOG_JSON": str(int(json_logs))}
        self._report = progress
        self._lock = Lock(self.data)
        self._state = StackState(offset=port_offset, urls=self.ports.urls())
        self._supervisor = Supervisor(self._save, self._progress)
        self._postgres: Postgres | None = None
        self._kafka: Kafka | None = None

    @property
    def superuser_dsn(self) -> str:
        """The administrator's connection string, of the embedded server or of the one given."""
        return self._postgres.dsn() if self._postgres else self._given[POSTGRES_DSN]

    @property
    def bootstrap(self) -> str:
        return self._kafka.bootstrap if self._kafka else self._given[KAFKA_BOOTSTRAP]

    @property
    def urls(self) -> dict[str, str]:
        """`{"WANPU_ORDERS_URL": "http://127.0.0.1:8103", …}`."""
        return self.ports.urls()

    @property
    def processes(self) -> list[Supervised]:
        return self._supervisor.processes

    def dsn(self, service: str) -> str:
        """A service's own connection string, without its password: that is a file in its secrets folder."""
        return in_database(self.superuser_dsn, role_of(service))

    def auditor_dsn(self) -> str:
        """The connection string of the role that may read every schema, with its password."""
        from shared.kernel.settings import with_password

        password = keys.read(self.secrets, keys.OPERATOR, keys.AUDITOR_PASSWORD)
        return with_password(in_database(self.superuser_dsn, AUDITOR), password)

    def start(self) -> None:
        """Bring everything up and return when every process is ready; on failure everything is down again.

        Raises:
            StackError: one sentence on what is wrong and what to do.
        """
        make_folder(self.data)
        self._lock.take()
        end_orphans(self.data)
        process = psutil.Process()
        self._state.pid, self._state.created = process.pid, process.create_time()
        try:
            self._enter("starting", "starting")
            self._start_servers()
            self._prepare_servers()
            self._supervisor.start(self._python_processes())
            self._enter("ready", "ready")
        except BaseException as error:
            self._shut_down("failed", str(error) or type(error).__name__)
            raise

    def stop(self) -> None:
        """Stop everything in reverse order; the data stays."""
        self._enter("stopping", "stopping")
        self._shut_down("stopped", "stopped")

    def remove(self) -> None:
        """Delete the data of a stack that is stopped, also PostgreSQL's, which lies elsewhere when root runs it."""
        Postgres(self.data / "postgres", 0).remove()
        shutil.rmtree(self.data, ignore_errors=True)

    def kill(self, name: str) -> None:
        """SIGKILL one process, as a crash would; it is started again by itself."""
        next(process for process in self.processes if process.name == name).server.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.stop)

    def _start_servers(self) -> None:
        """PostgreSQL and Kafka side by side, unless others are named."""
        servers = []
        if POSTGRES_DSN not in self._given:
            log = self._log("postgres")
            self._postgres = Postgres(self.data / "postgres", self.ports.postgres, log=log)
            servers.append(Supervised("postgres", (self.ports.postgres,), self._postgres, log))
        if KAFKA_BOOTSTRAP not in self._given:
            log, ports = self._log("kafka"), (self.ports.kafka, self.ports.kafka_controller)
            self._kafka = Kafka(self.data / "kafka", *ports, log=log, progress=self._progress)
            servers.append(Supervised("kafka", ports, self._kafka, log))
        self._supervisor.start(servers)

    def _prepare_servers(self) -> None:
        """Keys, roles, schemas, migrations and topics: what a deployment does by one-off jobs."""
        self._progress("making keys, roles, schemas and topics")
        keys.init(self.secrets)
        asyncio.run(self._run_jobs())

    async def _run_jobs(self) -> None:
        await prepare_database(self.superuser_dsn, self.secrets)
        await prepare_topics(self.bootstrap)

    def _python_processes(self) -> list[Supervised]:
        """An API and a worker for each service, and the outside parties; what isn't written yet is left out."""
        found = []
        for service in SERVICES:
            if exists(SERVICE_MODULE) and exists(f"services.{service}.main"):
                for role, port in (("api", self.ports.api(service)), ("worker", self.ports.worker(service))):
                    found.append(self._python((SERVICE_MODULE, service, role), f"{service}-{role}", port, service))
        for party in SANDBOX:
            if exists(f"sandbox.{party}"):
                name = f"sandbox-{party}"
                found.append(self._python((f"sandbox.{party}",), name, self.ports.sandbox(party), name))
        return found

    def _python(self, command: tuple[str, ...], name: str, port: int, owner: str) -> Supervised:
        nice = 0 if name.endswith("-api") else self.workers_nice
        process = PythonProcess(name, command, port, self._log(name), nice)
        process.env = self.environment(owner, name, port)
        return Supervised(name, (port,), process, process.log)

    def environment(self, owner: str, name: str, port: int) -> dict[str, str]:
        """What one process is told; an administrator's DSN never reaches any of them."""
        told = {key: value for key, value in self._given.items() if key != POSTGRES_DSN} | self.urls | self._flags
        told |= {KAFKA_BOOTSTRAP: self.bootstrap, "WANPU_NAME": name, "WANPU_SECRETS_DIR": str(self.secrets / owner)}
        told |= {"WANPU_METRICS_PORT" if name.endswith("-worker") else "WANPU_PORT": str(port)}
        if owner in SERVICES:
            told[POSTGRES_DSN] = self.dsn(owner)
        return told | {"PYTHONUNBUFFERED": "1"}

    def _log(self, name: str) -> Path:
        return self.data / "logs" / f"{name}.log"

    def _progress(self, message: str) -> None:
        self._report(message)
        self._state.message = message
        self._save()

    def _enter(self, phase: Phase, message: str) -> None:
        self._state.phase, self._state.message = phase, message
        self._save()

    def _save(self) -> None:
        self._state.processes = [process.row() for process in self.processes]
        try:
            write_state(self.data, self._state)
        except OSError as error:
            self._report(f"{self.data}/stack.json can't be written ({error.strerror}): `wanpu status` is out of date")

    def _shut_down(self, phase: Phase, message: str) -> None:
        self._supervisor.stop()
        self._enter(phase, message)
        self._lock.release()


def end_orphans(data: Path) -> list[str]:
    """Stop what a killed supervisor left running on this data folder, last started first; returns their names."""
    orphans = [row for row in reversed(read_state(data).rows()) if row["state"] == "orphaned"]
    for row in orphans:
        if row["name"] == "postgres":
            Postgres(data / "postgres", 0).end_orphan()
        elif row["name"] == "kafka":
            Kafka(data / "kafka", 0).end_orphan()
        else:
            stop_leftover(int(row["pid"]), f"--name {row['name']}")
    return [str(row["name"]) for row in orphans]


def _nice(said: str) -> int:
    if not said.isdecimal() or int(said) > MOST_NICE:
        raise StackError(f"{WORKERS_NICE} is {said!r}: give a whole number from 0 to {MOST_NICE}")
    return int(said)
