"""What logistics can be told from outside; periods in seconds."""

from __future__ import annotations

from typing import ClassVar

from shared.kernel.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    """Settings of logistics."""

    service: ClassVar[str] = "logistics"
    port: Port = 8104

    cash_due_seconds: float = 172_800  # 48 h between a delivery and its cash, in either order (domain.md, Cash)
    keep_details_seconds: float = 2_592_000  # 30 days: as long as orders.personal keeps them

    def knows_carrier(self, carrier: str) -> bool:
        """Whether this carrier could sign its reports: one that can't would leave its parcels without news."""
        return bool(self.webhook_keys("carrier", carrier))
