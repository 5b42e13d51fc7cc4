"""Where PostgreSQL and Kafka are, for an operator's command: by the stack's data folder, or as the environment says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.process import StackError
from shared.kernel.settings import with_password
from wanpu import keys
from wanpu.jobs import KAFKA_BOOTSTRAP, POSTGRES_DSN
from wanpu.layout import AUDITOR, SERVICES, Ports, role_of
from wanpu.local.state import read_state
from wanpu.provision import in_database

SECRETS_DIR = "WANPU_SECRETS_DIR"


@dataclass(frozen=True)
class Servers:
    """`data` is the stack's folder, `secrets` the folder that holds all keys (its own unless another is named)."""

    data: Path
    secrets: Path

    @classmethod
    def of(cls, data: Path) -> Servers:
        return cls(data, Path(os.environ.get("WANPU_KEYS_DIR") or data / "keys"))

    @property
    def bootstrap(self) -> str:
        return os.environ.get(KAFKA_BOOTSTRAP) or f"127.0.0.1:{self._ports.kafka}"

    def service_dsn(self, service: str) -> str:
        """As the service itself connects: its own role, which reaches its own schema only.

        Raises:
            StackError: there is no such service, or its password is not here.
        """
        if service not in SERVICES:
            raise StackError(f"there is no service {service!r}: choose one of {', '.join(SERVICES)}")
        return with_password(in_database(self._base, role_of(service)), self._password(service, "postgres_password"))

    def auditor_dsn(self) -> str:
        """The role that may read every schema and change none.

        Raises:
            StackError: its password is not here.
        """
        password = self._password(keys.OPERATOR, keys.AUDITOR_PASSWORD)
        return with_password(in_database(self._base, AUDITOR), password)

    def tell_service(self, service: str) -> None:
        """Let settings loaded from now on find the service's secrets, as its worker does."""
        if SECRETS_DIR not in os.environ and (self.secrets / service).is_dir():
            os.environ[SECRETS_DIR] = str(self.secrets / service)

    @property
    def _ports(self) -> Ports:
        return Ports(read_state(self.data).offset)

    @property
    def _base(self) -> str:
        return os.environ.get(POSTGRES_DSN) or f"postgresql://127.0.0.1:{self._ports.postgres}"

    def _password(self, owner: str, file: str) -> str:
        """From the folder of all keys, or from one process's own, which `WANPU_SECRETS_DIR` names."""
        for folder in (self.secrets / owner, Path(os.environ.get(SECRETS_DIR) or self.secrets / owner)):
            if (folder / file).is_file():
                return (folder / file).read_text().strip()
        raise StackError(
            f"no {file} in {self.secrets / owner}: name the stack's folder with --data, or its keys with WANPU_KEYS_DIR"
        )
