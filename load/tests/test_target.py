"""Where a load test goes, as the environment and the folder say."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from load import __main__ as entry
from load import market, orders
from load.__main__ import main
from load.market import Listing, Market
from load.orders import Buyer
from load.prepared import prepare
from load.target import Target, reach
from shared.embedded.process import StackError
from wanpu import keys

ROOT = Path(__file__).parents[2]


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A deployment with two intake processes; its keys."""
    keys.init(tmp_path)
    monkeypatch.setenv("WANPU_ORDERS_URL", "http://10.0.0.5:8103 http://10.0.0.6:8103")
    monkeypatch.setenv("WANPU_CATALOG_URL", "http://10.0.0.5:8101/")
    monkeypatch.setenv("WANPU_STOREFRONT_URL", "http://10.0.0.5:8102")
    monkeypatch.setenv("WANPU_KEYS_DIR", str(tmp_path))
    monkeypatch.delenv("WANPU_POSTGRES_DSN", raising=False)
    monkeypatch.delenv("WANPU_KAFKA_BOOTSTRAP", raising=False)
    return tmp_path


def test_a_deployment_is_named_by_its_addresses(named: Path) -> None:
    with reach("embedded", named, print) as target:
        assert target.intake == (("10.0.0.5", 8103), ("10.0.0.6", 8103))
        assert (target.urls["orders"], target.urls["catalog"]) == ("http://10.0.0.5:8103", "http://10.0.0.5:8101")
        assert (target.keys, target.dsn, target.is_audited) == (named, None, False)
        assert target.orders_urls == ["http://10.0.0.5:8103", "http://10.0.0.6:8103"]


@pytest.mark.parametrize(
    ("missing", "value"),
    [("WANPU_CATALOG_URL", ""), ("WANPU_STOREFRONT_URL", " "), ("WANPU_ORDERS_URL", ""), ("WANPU_ORDERS_URL", " ")],
)
def test_half_a_deployment_is_refused(named: Path, monkeypatch: pytest.MonkeyPatch, missing: str, value: str) -> None:
    monkeypatch.setenv(missing, value)
    with pytest.raises(StackError, match=f"also name {missing}"), reach("embedded", named, print):
        pass


@pytest.mark.parametrize(
    ("one", "other"),
    [("WANPU_POSTGRES_DSN", "WANPU_KAFKA_BOOTSTRAP"), ("WANPU_KAFKA_BOOTSTRAP", "WANPU_POSTGRES_DSN")],
)
def test_half_of_what_the_auditor_needs_is_refused(
    named: Path, monkeypatch: pytest.MonkeyPatch, one: str, other: str
) -> None:
    monkeypatch.setenv(one, "db:5432")
    with pytest.raises(StackError, match=f"also name {other}"), reach("embedded", named, print):
        pass


def test_compose_and_a_named_deployment_are_one_too_many(named: Path) -> None:
    with pytest.raises(StackError, match=r"WANPU_CATALOG_URL.* name two deployments"), reach("compose", named, print):
        pass


@pytest.mark.parametrize("name", ["WANPU_CATALOG_URL", "WANPU_STOREFRONT_URL", "WANPU_ORDERS_URL"])
def test_an_address_that_is_none_is_a_sentence(
    named: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setenv(name, "https://shop.example/[/]")
    assert main(["run", "--out", str(named / "results")]) == 1
    assert "'https://shop.example/[/]' is no http://host:port" in capsys.readouterr().out.replace("\n", "")


def test_a_termination_is_an_interruption_whatever_is_loaded(named: Path) -> None:
    with pytest.raises(KeyboardInterrupt), reach("embedded", named, print):
        signal.raise_signal(signal.SIGTERM)


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


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("--hot 1.5", "'1.5': give a share from 0 to 1"),
        ("--hot much", "'much': give a share from 0 to 1"),
        ("--rate 0", "'0': give a number above zero"),
        ("--rate abc", "'abc': give a number above zero"),
        ("--rate inf", "'inf': give a number above zero"),
        ("--rate nan", "'nan': give a number above zero"),
        ("--rate 20001", "one process sends no more than 20,000 a second"),
        ("--duration inf", "'inf': give a number above zero"),
        ("--duration 86401", "buyers' tokens are good for a day"),
        ("--rate 0.1 --duration 1", "0.1 orders a second for 1 s make not one order"),
        ("--variants 0", "'0': give a whole number from 1 on"),
        ("--connections 1.5", "'1.5': give a whole number from 1 on"),
        ("--connections inf", "'inf': give a whole number from 1 on"),
        ("--stack moon", "invalid choice"),
    ],
)
def test_a_wrong_figure_is_refused(wrong: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", *wrong.split()])
    assert said in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry, "reach", None)
    (tmp_path / "file").write_text("")
    assert main(["run", "--out", str(tmp_path / "file" / "results")]) == 1
    assert main(["prepare", "--file", str(tmp_path / "file" / "prepared.json")]) == 1
    assert capsys.readouterr().out.count("results can't be written to") == 2


@pytest.mark.parametrize(
    ("soft", "hard", "raised"),
    [(1_024, 4_096, 1_100), (1_024, 1_050, 1_050), (1_024, resource.RLIM_INFINITY, 1_100), (2_000, 4_096, None)],
)
def test_the_soft_limit_of_open_files_is_raised_as_far_as_it_may_be(
    monkeypatch: pytest.MonkeyPatch, soft: int, hard: int, raised: int | None
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (soft, hard))
    monkeypatch.setattr(resource, "setrlimit", lambda _which, limits: told.append(limits))
    entry._allow_files(1_100)
    assert told == ([(raised, hard)] if raised else [])


@pytest.mark.parametrize(("said", "option"), [("1", True), ("0", False), ("", False)])
def test_only_one_turns_a_switch_of_make_on(said: str, option: bool) -> None:
    command = ["make", "-n", "load", f"RETRY={said}", f"LIVE={said}"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert ("--retry" in shown, "--live" in shown) == (option, option)


async def test_other_tools_are_told_every_address_in_a_file_for_the_owner_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def build(*_: object) -> Market:
        return Market("shop", "supplier", "creator", "referrer", (Listing("l", "v", 5_000),))

    async def arrive(*_: object) -> list[Buyer]:
        return [Buyer("buyer", "token", "touch")]

    monkeypatch.setattr(market, "build", build)
    monkeypatch.setattr(orders, "arrive", arrive)
    file = tmp_path / "prepared.json"
    file.write_text("{}")
    file.chmod(0o644)
    where = (("10.0.0.5", 8103), ("10.0.0.6", 8103))
    await prepare(Target({"orders": "http://10.0.0.5:8103"}, where, tmp_path, None, None), 1, 1, file)
    assert json.loads(file.read_text())["orders_urls"] == ["http://10.0.0.5:8103", "http://10.0.0.6:8103"]
    assert file.stat().st_mode & 0o777 == 0o600
