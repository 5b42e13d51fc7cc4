"""Other teams install the contracts under a name of their own."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import shared.contracts

ROOT = Path(shared.contracts.__file__).parent
_LOOK = """
import json, pathlib, sys
import wanpu_events, wanpu_events.orders
event = wanpu_events.BY_TYPE["wanpu.orders.OrderPlaced.v1"]
folder = pathlib.Path(wanpu_events.__file__).parent
message = json.loads((folder / "examples" / event.dataschema()).read_text())
print(json.dumps({
    "events": len(wanpu_events.ALL_EVENTS),
    "key": event.model_validate(message["body"]).key == message["key"],
    "home": [name for name in sys.modules if name.partition(".")[0] == "shared"],
}))
"""


def installed(target: Path) -> Path:
    """The package laid out as its `pyproject.toml` tells setuptools to."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    for package in settings["packages"]:
        source = ROOT / settings["package-dir"][package]
        folder = target / package.replace(".", "/")
        folder.mkdir(parents=True)
        for module in source.glob("*.py"):
            shutil.copy(module, folder)
        for pattern in settings["package-data"].get(package, ()):
            for path in source.glob(pattern):
                (folder / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder / path.relative_to(source))
    return target


def test_the_package_works_away_from_home_under_the_name_wanpu_events(tmp_path: Path) -> None:
    target = installed(tmp_path / "site")
    code = f"import sys; sys.path.insert(0, {str(target)!r})\n{_LOOK}"
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == {"events": len(shared.contracts.ALL_EVENTS), "key": True, "home": []}


def test_every_module_of_the_contracts_is_in_a_package_that_is_shipped() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    shipped = {(ROOT / folder).resolve() for folder in settings["package-dir"].values()}
    folders = {path.parent.resolve() for path in ROOT.rglob("*.py") if "tests" not in path.parts}
    assert folders == shipped
