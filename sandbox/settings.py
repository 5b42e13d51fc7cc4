"""What an outside party is told: environment variables `WANPU_…`, secrets as files, as a service is."""

from __future__ import annotations

import random
from functools import lru_cache
from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Of every party; each uses what it needs."""

    model_config = SettingsConfigDict(env_prefix="WANPU_", extra="ignore", frozen=True)

    name: str = ""  # of this process, as on its command line
    host: str = "127.0.0.1"  # the address it listens on
    port: Annotated[int, Field(ge=0, le=65_535)] = 0  # where it listens
    secrets_dir: Path = Path()  # the folder of the process's secrets
    orders_url: str = "http://127.0.0.1:8103"  # whom payment provider and bank call
    logistics_url: str = "http://127.0.0.1:8104"  # whom carrier and bank call
    kafka_bootstrap: str = ""  # empty: nothing is followed, the party knows what it is told by calls

    quiet_sandbox: bool = False  # every act is left to the caller, and what is asked is done plainly and at once
    sandbox_seed: int = 1  # of its dice: the same seed does the same to the same order
    sandbox_pace: Annotated[float, Field(gt=0)] = 1.0  # a factor on every delay: the demo lives at 0.1
    sandbox_settle_seconds: Annotated[float, Field(gt=0)] = 30.0  # between two settlements of the payment provider
    sandbox_statement_seconds: Annotated[float, Field(gt=0)] = 60.0  # between two statements of the carrier

    def secret(self, name: str) -> str:
        """The secret file of that name; read on every use, so that a rotated key needs no restart."""
        return (self.secrets_dir / name).read_text().strip()

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys in a secret file, one a line, newest first."""
        return tuple(self.secret(name).split())

    def chance(self, subject: str) -> random.Random:
        """Dice that fall the same way for the same seed and subject, also after a restart."""
        return random.Random(f"{self.sandbox_seed}/{subject}")


@lru_cache(maxsize=1)
def load() -> Settings:
    """The process's settings."""
    return Settings()
