"""What a process is told from outside: environment variables `WANPU_…`, secrets as files.

    class Settings(ServiceSettings):
        service: ClassVar[str] = "orders"
        port: int = 8103
        cod_confirm_seconds: float = 86_400

    settings = Settings.load()      # or the process ends with one sentence that names the variable

A secret is a file in `WANPU_SECRETS_DIR` named like its field (`postgres_password`, `token_public_key`); a
variable of the same name wins. Nothing is connected to or checked against the world here, so that tools can
import a service without its surroundings.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

PREFIX = "WANPU_"
_FILE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")  # a party's name from a path must not walk the file system

Port = Annotated[int, Field(ge=0, le=65_535)]


class ServiceSettings(BaseSettings):
    """Settings every service has; a subclass names its service and adds its periods in seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)
    service: ClassVar[str]

    name: str = ""  # of this process, as on its command line: orders-api, orders-worker-2
    host: str = "127.0.0.1"  # the address it listens on
    port: Port = 8000  # where an API listens
    metrics_port: Port = 0  # of a worker's /health and /metrics; 0: none, an API has them on `port`

    postgres_dsn: str = "postgresql://127.0.0.1:5433/wanpu"  # with the service's own role
    postgres_password: str = Field("", repr=False)  # of that role, where the DSN has none
    kafka_bootstrap: str = "127.0.0.1:9092"  # host:port
    pool_size: Annotated[int, Field(ge=1, le=100)] = 8  # database connections a process has at most, intake's own apart

    secrets_dir: Path | None = None  # the folder of the process's secrets
    token_public_key: str = Field("", repr=False)  # PEM of the key that bearer tokens are checked with

    log_json: bool = True  # false: lines for people
    log_level: str = "INFO"  # or DEBUG, WARNING, ERROR
    relay_in_worker: bool = True  # false where `wanpu relay` runs as processes of its own

    @classmethod
    def load(cls) -> Self:
        """Read and check the settings; `SystemExit` with one sentence when one is wrong or missing."""
        try:
            return cls()
        except ValidationError as error:
            raise SystemExit(_sentence(error)) from None
        except SettingsError as error:
            raise SystemExit(f"Cannot read the settings: {error}. Correct the {PREFIX}… variable it names.") from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        sources = (init_settings, env_settings)
        folder = os.environ.get(f"{PREFIX}SECRETS_DIR")
        return (
            (*sources, SecretsSettingsSource(settings_cls, secrets_dir=_folder(folder), env_prefix=""))
            if folder
            else sources
        )

    @property
    def dsn(self) -> str:
        """`postgres_dsn` with the password from its file."""
        return with_password(self.postgres_dsn, self.postgres_password)

    @property
    def process(self) -> str:
        """The name this process answers to in logs and metrics."""
        return self.name or self.service

    def secret(self, name: str) -> str | None:
        """The secret file of that name, stripped; None when there is none."""
        if self.secrets_dir is None or not _FILE_NAME.fullmatch(name):
            return None
        file = self.secrets_dir / name
        return file.read_text().strip() if file.is_file() else None

    def webhook_keys(self, signer: str, party: str) -> tuple[str, ...]:
        """Keys that `party` may sign with: a line each in `webhook_<signer>_<party>`, or in `webhook_<signer>`.

        Two lines while one rotates. Read on every use, so that a rotation needs no restart.
        """
        text = self.secret(f"webhook_{signer}_{party}") or self.secret(f"webhook_{signer}") or ""
        return tuple(text.split())


def with_password(dsn: str, password: str) -> str:
    """Put the password into a DSN that has none."""
    parts = urlsplit(dsn)
    if not password or parts.password:
        return dsn
    user, _, address = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{address}"))


def _folder(path: str) -> Path:
    if not (folder := Path(path)).is_dir():
        raise SystemExit(
            f"{PREFIX}SECRETS_DIR is {path!r}, which is no folder: make the secrets with `wanpu keys init`."
        )
    return folder


def _sentence(error: ValidationError) -> str:
    faults = error.errors(include_url=False)
    return "; ".join(
        _fault(".".join(map(str, fault["loc"])), fault["type"], fault["msg"], fault["input"]) for fault in faults
    )


def _fault(field: str, kind: str, message: str, given: object) -> str:
    variable = f"{PREFIX}{field.upper()}"
    if kind == "missing":
        return f"{variable} is missing: set it, or put a file {field} into {PREFIX}SECRETS_DIR."
    return f"{variable} is {given!r}: {message[0].lower()}{message[1:]}."
