"""What the catalog is told from outside."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from shared.contracts.values import Currency
from shared.kernel.settings import Port, ServiceSettings


class Settings(ServiceSettings):
    """Settings of the catalog; periods in seconds."""

    service: ClassVar[str] = "catalog"

    port: Port = 8101  # where its API listens
    currency: Currency = "CNY"  # the platform's only one
    # how long new terms of an offer wait if they are worse for creators
    notice_seconds: Annotated[float, Field(ge=0, le=366 * 86_400)] = 7 * 86_400
    # orders' setting of the same name, give both the same: by it catalog knows which hold is longer than the usual one
    hold_seconds: Annotated[float, Field(gt=0)] = 7 * 86_400
