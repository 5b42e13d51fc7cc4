"""Whoever can't use docker compose's stack is told what to do about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from shared.embedded.process import StackError
from wanpu import keys
from wanpu.demo import place


def advice(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WANPU_KEYS_DIR", str(folder))
    with pytest.raises(StackError) as refused, place.compose(print):
        pass
    return str(refused.value)


def test_where_no_keys_are_the_stack_is_to_be_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "run `docker compose up --build --wait` first" in advice(tmp_path, monkeypatch)


def test_keys_of_another_user_are_to_be_given_to_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(*_: object) -> str:
        raise PermissionError(13, "Permission denied")  # root, who may run this, could read any file

    monkeypatch.setattr(keys, "read", read)
    told = advice(tmp_path, monkeypatch)
    assert f"WANPU_UID={os.getuid()}" in told
    assert "first" not in told
