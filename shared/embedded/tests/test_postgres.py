"""The embedded PostgreSQL: real, on a port of our choice, over data that survives it."""

import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.embedded.account import reachable, system_account
from shared.embedded.postgres import Postgres, binaries
from shared.embedded.process import StackError, free_port


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    postgres = Postgres(tmp_path / "postgres", free_port())
    yield postgres
    postgres.remove()


def ask(postgres: Postgres, statement: str) -> str:
    command = [str(binaries() / "psql"), "-XAtq", "-d", postgres.dsn(), "-c", statement]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_committed_rows_survive_a_killed_postmaster(server: Postgres) -> None:
    server.start()
    ask(server, "CREATE TABLE kept (n int); INSERT INTO kept VALUES (7)")
    server.kill()
    server.start()
    assert ask(server, "SELECT n FROM kept") == "7"


def test_it_is_durable_and_listens_on_loopback_alone(server: Postgres) -> None:
    server.start()
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert ask(server, f"SHOW {setting}") == "on"
    assert ask(server, "SHOW listen_addresses") == "127.0.0.1"
    assert ask(server, "SHOW server_version_num").startswith("18")


def test_nobody_enters_without_the_password(server: Postgres) -> None:
    server.start()
    dsn = f"postgresql://postgres:wrong@127.0.0.1:{server.port}/postgres"
    refused = subprocess.run([binaries() / "psql", "-w", "-d", dsn], capture_output=True, text=True, check=False)
    assert "password authentication failed" in refused.stderr


def test_a_server_left_by_a_dead_supervisor_is_replaced(server: Postgres) -> None:
    server.start()
    successor = Postgres(server.data, server.port)
    successor.start()
    assert not server.is_running()
    assert ask(successor, "SELECT 1") == "1"
    successor.stop()


def test_a_busy_port_says_so(server: Postgres) -> None:
    with (
        socket.create_server(("127.0.0.1", server.port)),
        pytest.raises(StackError, match=f"port {server.port}, needed by postgres, is in use"),
    ):
        server.start()


def test_a_half_made_data_folder_is_made_again(server: Postgres) -> None:
    place = server.data.with_name(f"{server.data.name}.half-made")
    place.mkdir(parents=True)
    (place / "PG_VERSION").write_text("18\n")
    server.start()
    assert ask(server, "SELECT 1") == "1"


def test_a_folder_with_something_else_in_it_is_left_alone(server: Postgres) -> None:
    server.data.mkdir()
    (server.data / "letters").write_text("dear")
    with pytest.raises(StackError, match="is not a PostgreSQL data folder and not empty"):
        server.start()
    assert (server.data / "letters").read_text() == "dear"
    (server.data / "letters").unlink()


def test_data_of_another_major_version_is_refused(server: Postgres) -> None:
    server.data.mkdir()
    (server.data / "PG_VERSION").write_text("15\n")
    with pytest.raises(StackError, match="was made by PostgreSQL 15"):
        server.start()


def test_as_root_it_runs_as_a_user_who_can_reach_its_data_and_nothing_else_is_opened(server: Postgres) -> None:
    before = server.data.parent.stat().st_mode
    server.start()
    assert server.data.parent.stat().st_mode == before
    if os.geteuid() == 0:
        assert server.pid is not None
        assert Path(f"/proc/{server.pid}").stat().st_uid == system_account().uid
        assert reachable(server.data, system_account())
