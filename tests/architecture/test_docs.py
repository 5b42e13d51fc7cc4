"""The pages keep to what is there: links lead somewhere, pages and variables that are named exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.test_house import ROOT, tracked

PAGES = [path for path in tracked() if path.endswith(".md")]
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
PAGE = re.compile(r"[\w./-]*\w\.md\b")
VARIABLE = re.compile(r"\bWANPU_[A-Z0-9_]*[A-Z0-9]\b")


@pytest.mark.parametrize("page", PAGES)
def test_each_link_leads_somewhere(page: str) -> None:
    folder = (ROOT / page).parent
    assert not [link for link in LINK.findall((ROOT / page).read_text()) if not (folder / link).exists()]


def test_no_page_is_named_that_is_not_here() -> None:
    names = {Path(path).name for path in PAGES}
    for path in tracked():
        if path.endswith((".md", ".py", ".yml", ".toml", "Makefile", ".env.example")):
            named = {Path(found).name for found in PAGE.findall((ROOT / path).read_text())}
            assert named <= names, path


def test_every_variable_that_is_named_is_on_the_page_of_settings() -> None:
    known = set(VARIABLE.findall((ROOT / "docs" / "settings.md").read_text()))
    for path in [*PAGES, "docker-compose.yml", ".env.example"]:
        assert set(VARIABLE.findall((ROOT / path).read_text())) <= known, path
