"""What one order wrote: every row of it, found in the database, as statements that write the same again.

Nothing here knows which tables the service writes: what appeared between two transaction ids is the sample. Values
that differ from order to order (its ids, its key, buyer, variant, the time) become expressions over `:n`, `:buyer` and
`:variant`; all others, JSON and the events' bytes among them, stay as they were written, byte for byte.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.kernel.database import Tx
from shared.kernel.outbox import BUCKETS

STOCK = "stock"  # the only table that an order changes; into all others it inserts

_COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) AS type
      FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
     WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
       AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = '' AND a.attgenerated = ''
     ORDER BY c.relname, a.attnum
"""
_NOW = "SELECT pg_current_xact_id()::text"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
_VARIABLE = re.compile(r"(?<!:):(n|buyer|variant)\b")


@dataclass(frozen=True, slots=True)
class Asked:
    """The request whose rows are looked for."""

    party: str  # <crowd>-<number>
    key: str  # <run>-<number>
    variant_id: str
    order_id: str


@dataclass(frozen=True, slots=True)
class Sample:
    """The rows of one order: by table, each as expressions by column."""

    rows: Mapping[str, Sequence[Mapping[str, str]]]

    @property
    def counts(self) -> Counter[str]:
        """How many rows an order inserts into each table."""
        return Counter({table: len(rows) for table, rows in self.rows.items()})

    def insert(self, table: str) -> str:
        """Insert the rows of one order."""
        return f"INSERT INTO {table} ({', '.join(self.rows[table][0])}) VALUES {self._values(table)}"

    def insert_many(self, table: str, source: str) -> str:
        """Insert the rows of many orders; `source` is a FROM item named s with columns n, buyer and variant."""
        values = _VARIABLE.sub(r"s.\1", self._values(table))
        return (
            f"INSERT INTO {table} ({', '.join(self.rows[table][0])}) "
            f"SELECT v.* FROM {source} CROSS JOIN LATERAL (VALUES {values}) AS v"
        )

    def _values(self, table: str) -> str:
        return ", ".join(f"({', '.join(row.values())})" for row in self.rows[table])


async def mark(tx: Tx) -> int:
    """A transaction id: what is written later has a higher one."""
    return int(await tx.fetchval(_NOW))


async def take(tx: Tx, since: int, asked: Asked) -> Sample:
    """The rows written since a mark, by nothing but the request."""
    columns: dict[str, dict[str, str]] = {}
    for row in await tx.fetch(_COLUMNS):
        columns.setdefault(row["relname"], {})[row["attname"]] = row["type"]
    found: dict[str, list[dict[str, str | None]]] = {}
    for table, types in columns.items():
        texts = ", ".join(f'"{name}"::text' for name in types)  # offset, partition
        query = f"SELECT {texts} FROM {table} WHERE xmin::text::bigint > $1"
        if rows := [dict(row) for row in await tx.fetch(query, since)]:
            found[table] = rows
    assert found.pop(STOCK, None), "the order took no stock"
    words = _Words(asked, datetime.fromisoformat(str(found["orders"][0]["placed_at"])))
    words.learn(row for rows in found.values() for row in rows)
    return Sample(
        {
            table: [
                {name: words.expression(name, value, columns[table][name]) for name, value in row.items()}
                for row in rows
            ]
            for table, rows in found.items()
        }
    )


def variant_expression(number: str) -> str:
    """The id of a variant of the copy's market."""
    return f"lpad(({number})::text, 32, '0')::uuid"


class _Words:
    """Turns a row's values into SQL."""

    def __init__(self, asked: Asked, placed_at: datetime) -> None:
        self.asked = asked
        self.placed_at = placed_at
        self.fresh: dict[str, str] = {}

    def learn(self, rows: object) -> None:
        """Note the ids made for the order: UUIDv7s not older than its own, but for what a clock may differ."""
        made_at = _moment(self.asked.order_id) - 1_000
        for row in rows:  # type: ignore[attr-defined]
            for value in row.values():
                if value and _UUID.fullmatch(value) and _moment(value) >= made_at:
                    self.fresh.setdefault(value, f"{len(self.fresh):03x}")

    def expression(self, name: str, value: str | None, kind: str) -> str:
        """SQL of the column's type; no order's ids, key, buyer or variant but by a variable."""
        if name == "bucket":
            return f"(:n::bigint % {BUCKETS})::{kind}"
        if value is None:
            return f"NULL::{kind}"
        if value in self.fresh:
            return f"('01900000-0000-7000-8{self.fresh[value]}-' || lpad(:n::text, 12, '0'))::{kind}"
        if value == self.asked.variant_id:
            return variant_expression(":variant")
        for whole, variable in ((self.asked.party, "buyer"), (self.asked.key, "n")):
            if value == whole:
                return f"('{whole.rpartition('-')[0]}-' || :{variable}::text)"
        if kind == "timestamp with time zone" and value[0].isdigit():
            after = round((datetime.fromisoformat(value) - self.placed_at).total_seconds())
            return f"now() + interval '{after} s'" if after else "now()"
        return f"{quoted(value)}::{kind}"


def quoted(text: str) -> str:
    """A literal in which pgbench sees no variable of its own."""
    literal = "'" + text.replace("'", "''") + "'"
    parted = re.sub(r":(?=[A-Za-z_\x80-\uffff])", ":' || '", literal)
    return literal if parted == literal else f"({parted})"


def _moment(uuid7: str) -> int:
    """Its milliseconds since 1970."""
    return int(uuid7.replace("-", "")[:12], 16)
