"""Where a load test goes, as the environment and the folder say."""

from __future__ import annotations

from pathlib import Path

import pytest

from load.__main__ import main
from load.target import reach
from shared.embedded.process import StackError
from wanpu import keys


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A deployment with two intake processes; its keys."""
    keys.init(tmp_path)
    monkeypatch.setenv("WANPU_ORDERS_URL", "http://10.0.0.5:8103 http://10.0.0.6:8103")
    monkeypatch.setenv("WANPU_CATALOG_URL", "http://10.0.0.5:8101")
    monkeypatch.setenv("WANPU_KEYS_DIR", str(tmp_path))
    monkeypatch.delenv("WANPU_POSTGRES_DSN", raising=False)
    return tmp_path


def test_a_deployment_is_named_by_its_addresses(named: Path) -> None:
    with reach("embedded", named, print) as target:
        assert target.intake == (("10.0.0.5", 8103), ("10.0.0.6", 8103))
        assert (target.urls["orders"], target.urls["catalog"]) == ("http://10.0.0.5:8103", "http://10.0.0.5:8101")
        assert (target.keys, target.dsn) == (named, None)


def test_the_auditor_looks_where_a_database_is_named(named: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANPU_POSTGRES_DSN", "postgresql://db:5432")
    monkeypatch.setenv("WANPU_KAFKA_BOOTSTRAP", "kafka:9092")
    with reach("embedded", named, print) as target:
        assert target.dsn and "auditor" in target.dsn and target.dsn.endswith("@db:5432/wanpu")
        assert target.bootstrap == "kafka:9092"


def test_nothing_is_prepared_on_a_stack_that_does_not_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WANPU_ORDERS_URL", raising=False)
    with pytest.raises(StackError, match="no stack runs"), reach("embedded", tmp_path, print, start=False):
        pass
    assert main(["prepare", "--data", str(tmp_path)]) == 1
    assert "make up" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", [["--hot", "1.5"], ["--rate", "0"], ["--variants", "0"], ["--stack", "moon"]])
def test_a_wrong_figure_is_refused(wrong: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", *wrong])
