"""After all journeys, whatever they did: the invariants."""

from __future__ import annotations

from rich.console import Console

from tests.journey.town import Town
from wanpu.local.stack import Stack
from wanpu.reconcile import load_routers, reconcile, report, until_quiet


async def test_every_invariant_holds_after_all_journeys(town: Town, stack: Stack) -> None:
    routers = load_routers()
    assert await until_quiet(stack.auditor_dsn(), stack.bootstrap, routers, seconds=30) == []
    findings = await reconcile(stack.auditor_dsn(), stack.bootstrap, town.platform.history, routers=routers)
    console = Console(record=True, width=160, quiet=True)
    console.print(report(findings))
    assert all(finding.holds for finding in findings), console.export_text()
