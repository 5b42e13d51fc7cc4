"""What a driver asked for and was answered: the only witness that is neither in the database nor on a topic."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Asked:
    """One `POST /orders`; `status` is None when no answer came, so that its outcome is unknown."""

    party: str
    key: str
    status: int | None
    order_id: str | None = None


@dataclass(slots=True)
class History:
    """Every attempt of a run, retries included, of parties that nobody else used."""

    asked: list[Asked] = field(default_factory=list)

    def note(self, party: str, key: str, status: int | None, order_id: str | None = None) -> None:
        self.asked.append(Asked(party, key, status, order_id))

    def parties(self) -> set[str]:
        return {each.party for each in self.asked}

    def orders(self) -> dict[tuple[str, str], set[str]]:
        """The orders that each (party, key) was told of by a 201."""
        told: dict[tuple[str, str], set[str]] = {}
        for each in self.asked:
            if each.status == 201 and each.order_id:
                told.setdefault((each.party, each.key), set()).add(each.order_id)
        return told

    def unknown(self) -> set[tuple[str, str]]:
        """The keys that never got an answer that settles them: their order may exist, once."""
        settled = {(each.party, each.key) for each in self.asked if each.status is not None and each.status < 500}
        return {(each.party, each.key) for each in self.asked} - settled

    def save(self, file: Path) -> None:
        """One JSON object a line."""
        file.write_text("".join(json.dumps(asdict(each)) + "\n" for each in self.asked))

    @classmethod
    def load(cls, file: Path) -> History:
        return cls.read(file.read_text().splitlines())

    @classmethod
    def read(cls, lines: Iterable[str]) -> History:
        return cls([Asked(**json.loads(line)) for line in lines if line.strip()])
