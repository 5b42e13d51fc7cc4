"""A wrong setting ends the process with one sentence that names the variable."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from shared.kernel.settings import ServiceSettings, with_password


class Settings(ServiceSettings):
    service: ClassVar[str] = "rooms"
    opens_seconds: float = 60
    owner: str


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANPU_SECRETS_DIR", raising=False)
    monkeypatch.setenv("WANPU_OWNER", "me")


def sentence() -> str:
    with pytest.raises(SystemExit) as ended:
        Settings.load()
    return str(ended.value)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANPU_OPENS_SECONDS", "0.5")
    assert Settings.load().opens_seconds == 0.5


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANPU_PORT", "eighty")
    assert sentence().startswith("WANPU_PORT is 'eighty': ")


def test_a_missing_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANPU_OWNER")
    assert sentence().startswith("WANPU_OWNER is missing: ")


def test_a_secret_is_a_file_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "postgres_password").write_text("p@ss\n")
    monkeypatch.setenv("WANPU_SECRETS_DIR", str(tmp_path))
    settings = Settings(owner="me", postgres_dsn="postgresql://rooms@db:5432/wanpu")
    assert settings.dsn == "postgresql://rooms:p%40ss@db:5432/wanpu"
    assert "p@ss" not in repr(settings)


def test_a_secrets_folder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANPU_SECRETS_DIR", str(tmp_path / "nowhere"))
    assert "WANPU_SECRETS_DIR" in sentence()


def test_a_password_in_the_dsn_wins() -> None:
    assert with_password("postgresql://a:b@db/x", "c") == "postgresql://a:b@db/x"


def test_a_signer_has_its_own_keys_or_those_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "webhook_carrier").write_text("k1\nk2\n")
    (tmp_path / "webhook_carrier_swift").write_text("k3")
    settings = Settings(owner="me", secrets_dir=tmp_path)
    assert settings.webhook_keys("carrier", "other") == ("k1", "k2")
    assert settings.webhook_keys("carrier", "swift") == ("k3",)
    assert settings.webhook_keys("bank", "x") == ()


def test_a_name_from_outside_walks_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    settings = Settings(owner="me", secrets_dir=tmp_path / "inner")
    assert settings.secret("../secret") is None
