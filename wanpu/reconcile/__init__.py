"""`wanpu reconcile`: reads every schema and topic from offset 0 and checks invariants 1 to 8 (docs/guarantees.md).

    findings = await reconcile(stack.auditor_dsn(), stack.bootstrap, history)
    assert all(finding.holds for finding in findings), report(findings)

Meant for a platform at rest (`until_quiet`): what is under way then shows as a fault of 2 or 7.
"""

from wanpu.reconcile.check import CHECKS, load_routers, reconcile
from wanpu.reconcile.command import report, run
from wanpu.reconcile.finding import Finding
from wanpu.reconcile.history import Asked, History
from wanpu.reconcile.quiet import until_quiet

__all__ = ["CHECKS", "Asked", "Finding", "History", "load_routers", "reconcile", "report", "run", "until_quiet"]
