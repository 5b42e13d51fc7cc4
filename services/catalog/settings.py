"""What the catalog is told from outside."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.values import Currency
from shared.kernel.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    """`currency` is the platform's only one; `notice_seconds` is how long terms worse for a creator wait.

    `hold_seconds` is orders' setting of the same name: by it catalog knows which hold is longer than the usual one.
    """

    service: ClassVar[str] = "catalog"

    port: Port = 8101
    currency: Currency = "CNY"
    notice_seconds: Annotated[float, Field(ge=0, le=366 * 86_400)] = 7 * 86_400
    hold_seconds: Annotated[float, Field(gt=0)] = 7 * 86_400
