"""What the storefront is told from outside."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shared.kernel.settings import Port, ServiceSettings

DAY_SECONDS = 86_400


class Settings(ServiceSettings):
    """`touch_keys` and `service_token` are secret files; `storefront_url` is what shop addresses start with."""

    service: ClassVar[str] = "storefront"
    port: Port = 8102

    orders_url: str = "http://127.0.0.1:8103"
    orders_seconds: float = 5.0  # orders ends a call by its own deadline of 3 s: silence beyond 5 is a broken line
    storefront_url: str = ""  # empty: addresses are relative
    touch_keys: str = Field("", repr=False)
    service_token: str = Field("", repr=False)  # role `service`: passes an anonymous buyer's request on to orders
    touch_seconds: float = 15 * DAY_SECONDS
    secure_cookies: bool = False  # true where the shop is served over HTTPS only
