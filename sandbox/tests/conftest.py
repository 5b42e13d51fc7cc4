from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.settings import Settings
from sandbox.tests.platform import KEY, TOKEN, Platform

PACE = 0.001


@pytest.fixture
def platform() -> Platform:
    return Platform()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A party that acts by itself, a thousand times as fast."""
    (tmp_path / "pay_url_key").write_text("pay-key\n")
    for signer in ("psp", "carrier", "bank"):
        (tmp_path / f"webhook_{signer}").write_text(KEY + "\n")
    (tmp_path / "operator_token").write_text(TOKEN + "\n")
    yield Settings(secrets_dir=tmp_path, sandbox_pace=PACE, sandbox_seed=7)


@pytest.fixture
def quiet(settings: Settings) -> Settings:
    return settings.model_copy(update={"quiet_sandbox": True})
