"""What the storefront is told from outside."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from shared.kernel.settings import Port, ServiceSettings

DAY_SECONDS = 86_400


class Settings(ServiceSettings):
    """Settings of the storefront."""

    service: ClassVar[str] = "storefront"
    port: Port = 8102  # where its API and the shops' pages are

    orders_url: str = "http://127.0.0.1:8103"  # where orders that a page takes are passed on to
    orders_seconds: float = 5.0  # orders ends a call by its own deadline of 3 s: silence beyond 5 is a broken line
    storefront_url: str = ""  # what shops' addresses start with; empty: they are relative
    touch_keys: str = Field("", repr=False)  # sign who brought a buyer, the newest first; orders has the same file
    service_token: str = Field("", repr=False)  # role `service`: passes an anonymous buyer's request on to orders
    touch_seconds: float = 15 * DAY_SECONDS  # how long it counts who brought a buyer
    # must be true where the shop is served by HTTPS, as it should be anywhere but on one machine
    secure_cookies: bool = False
