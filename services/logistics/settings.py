"""What logistics can be told from outside; periods in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from services.logistics.domain import Contract, Rules
from shared.kernel.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    """Settings of logistics."""

    service: ClassVar[str] = "logistics"
    port: Port = 8104  # where its API listens

    cash_due_seconds: float = 172_800  # 48 h between a delivery and its cash, in either order
    keep_details_seconds: float = 2_592_000  # 30 days: as long as orders.personal keeps them

    # by carrier's name; what an entry leaves out, and a carrier without one, has the defaults of domain/contracts.py
    carrier_contracts: Mapping[str, Contract] = Field(default_factory=dict)
    chase_remittances_seconds: float = 5.0  # how often is looked for cash that no statement names: one index is read

    @property
    def rules(self) -> Rules:
        """What the domain goes by; an entry `default` stands for every carrier without one of its own."""
        usual = self.carrier_contracts.get("default", Contract())
        return Rules(self.cash_due_seconds, self.carrier_contracts, usual)

    def knows_carrier(self, carrier: str) -> bool:
        """Whether this carrier could sign its reports: one that can't would leave its parcels without news."""
        return bool(self.webhook_keys("carrier", carrier))
