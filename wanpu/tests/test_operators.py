"""Dead letters and events set aside, as an operator meets them on the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from shared.embedded.postgres import Postgres
from shared.kernel import database
from shared.kernel.ids import new_id
from wanpu import dlq, keys, outbox
from wanpu.jobs import POSTGRES_DSN, prepare_database
from wanpu.provision import in_database

VARIANT, SUPPLIER = "0190f3a0-0000-7000-8000-000000000001", "0190f3a0-0000-7000-8000-000000000003"
BODY = {
    "delivery_id": VARIANT,
    "variant_id": VARIANT,
    "supplier_id": SUPPLIER,
    "delta": 5,
    "reason": "delivery",
    "adjusted_at": "2026-01-01T00:00:00Z",
}
PARK = """
    WITH still AS (INSERT INTO orders.parked (topic, key) VALUES ('catalog.stock', $1) ON CONFLICT DO NOTHING)
    INSERT INTO orders.dead_letters (consumer, topic, "partition", "offset", key, stream_key, position, event_id, type,
                                     headers, body, cause)
    VALUES ('orders.catalog.stock', 'catalog.stock', 0, $2, $3, $1, 1, $4, 'wanpu.catalog.StockAdjusted.v1', $5, $6,
            'a bug that was put right') RETURNING id
"""
SET_ASIDE = """
    INSERT INTO orders.outbox_dead (bucket, id, event_id, topic, key, type, aggregate_id, aggregate_version,
                                    occurred_at, headers, body, cause)
    VALUES (0, 7, $1, 'orders.orders', 'k', 'wanpu.orders.OrderPlaced.v1', 'k', 1, now(), '{}', '', 'too large')
"""
RECEIVED = "SELECT received FROM orders.stock WHERE variant_id = $1"


class Platform:
    """A prepared database, with the folder by which an operator's command finds it."""

    def __init__(self, dsn: str, data: Path) -> None:
        self.dsn, self.data = dsn, data

    def query(self, statement: str, *values: object) -> object:
        async def run() -> object:
            connection = await database.connect(in_database(self.dsn), "public", "tests")
            try:
                return await connection.fetchval(statement, *values)
            finally:
                await connection.close()

        return asyncio.run(run())

    def park(self, body: bytes, offset: int = 3) -> int:
        """A record that failed, as the wrapper parks it."""
        from shared.kernel.delivery.records import pack_headers

        headers = [
            ("ce_id", (event_id := new_id()).encode()),
            ("ce_type", b"wanpu.catalog.StockAdjusted.v1"),
            ("ce_time", b"2026-01-01T00:00:00+00:00"),
            ("ce_aggregateversion", b"1"),
        ]
        key = VARIANT.encode()
        number = self.query(PARK, VARIANT, offset, key, event_id, pack_headers(headers), body)
        assert isinstance(number, int)
        return number

    def run(self, app: object, *arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, [*arguments, "--data", str(self.data)])  # type: ignore[arg-type]
        return result.exit_code, result.output


@pytest.fixture(scope="module")
def prepared(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    data = tmp_path_factory.mktemp("operators")
    keys.init(data / "keys")
    asyncio.run(prepare_database(postgres.dsn(), data / "keys"))
    return postgres.dsn(), data


@pytest.fixture
def platform(prepared: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    dsn, data = prepared
    monkeypatch.setenv(POSTGRES_DSN, dsn)
    monkeypatch.setenv("WANPU_SECRETS_DIR", str(data / "keys" / "orders"))
    platform = Platform(dsn, data)
    yield platform
    platform.query("TRUNCATE orders.dead_letters, orders.parked, orders.positions, orders.inbox, orders.stock")
    platform.query("TRUNCATE orders.outbox, orders.outbox_dead, orders.waiting")


def test_a_dead_letter_is_listed_and_shown_with_its_cause_source_and_bytes(platform: Platform) -> None:
    number = platform.park(json.dumps(BODY).encode())
    code, listed = platform.run(dlq.app, "list", "--json")
    (row,) = json.loads(listed)
    assert code == 0
    assert (row["service"], row["id"], row["offset"], row["cause"]) == ("orders", number, 3, "a bug that was put right")
    code, shown = platform.run(dlq.app, "show", str(number), "--service", "orders", "--json")
    letter = json.loads(shown)
    assert json.loads(letter["body"]) == BODY
    assert ["ce_aggregateversion", "1"] in letter["headers"]
    assert "catalog.stock" in platform.run(dlq.app, "show", str(number), "--service", "orders")[1]


def test_a_replay_takes_effect_once(platform: Platform) -> None:
    number = str(platform.park(json.dumps(BODY).encode()))
    assert platform.run(dlq.app, "replay", number, "--service", "orders")[0] == 0
    assert platform.query(RECEIVED, VARIANT) == 5
    code, said = platform.run(dlq.app, "replay", number, "--service", "orders")
    assert (code, "no dead letter" in said) == (dlq.NO_SUCH, True)
    assert platform.query(RECEIVED, VARIANT) == 5


def test_a_replay_that_fails_again_says_why_and_keeps_the_letter(platform: Platform) -> None:
    number = str(platform.park(b"{}"))
    code, said = platform.run(dlq.app, "replay", number, "--service", "orders")
    assert code == dlq.STILL_DEAD
    assert "does not fit its schema" in said
    (row,) = json.loads(platform.run(dlq.app, "list", "--service", "orders", "--json")[1])
    assert row["attempts"] == 2


def test_a_discarded_letter_lets_its_stream_go_on(platform: Platform) -> None:
    number = str(platform.park(b"{}"))
    assert platform.run(dlq.app, "discard", number, "--service", "orders")[0] == 0
    assert platform.query("SELECT count(*) FROM orders.parked") == 0
    assert platform.query("SELECT position FROM orders.positions WHERE key = $1", VARIANT) == 1


def test_bytes_that_are_no_text_are_shown_as_base64(platform: Platform) -> None:
    number = str(platform.park(b"\xff\xfe"))
    shown = json.loads(platform.run(dlq.app, "show", number, "--service", "orders", "--json")[1])
    assert shown["body"] == "base64://4="


def test_events_set_aside_are_listed_and_go_out_again(platform: Platform) -> None:
    platform.query(SET_ASIDE, new_id())
    (row,) = json.loads(platform.run(outbox.app, "list", "--json")[1])
    assert (row["service"], row["key"], row["cause"]) == ("orders", "k", "too large")
    assert "too large" in platform.run(outbox.app, "list")[1]
    code, said = platform.run(outbox.app, "replay", "--service", "orders", "--json")
    assert (code, json.loads(said)) == (0, {"moved": 1})
    assert platform.query("SELECT count(*) FROM orders.outbox") == 1
    assert platform.run(outbox.app, "replay", "--service", "orders")[0] == 1


def test_with_nothing_to_show_both_lists_say_so(platform: Platform) -> None:
    assert "no dead letters" in platform.run(dlq.app, "list")[1]
    assert "nothing was set aside" in platform.run(outbox.app, "list")[1]
