"""What banks report of our transfers: payouts to parties, refunds to buyers."""

from __future__ import annotations

from services.orders.store import banks as store
from services.orders.store.banks import BankReport
from services.orders.usecases import payouts, refunds
from shared.contracts.event import Cause
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.outbox import Told


async def take_report(tx: Tx, report: BankReport, because: Cause) -> str:
    """Store a bank's report and let it take effect once; returns what was made of it, the same every time.

    Raises:
        Rejected: `not_found` for a transfer that is none of ours.
    """
    if report.payout_id is not None:
        payout = await payouts.locked(tx, report.payout_id)
        if (known := await store.known_outcome(tx, report)) is not None:
            return known
        return await _done(tx, report, await payouts.bank_says(tx, payout, report, because))
    assert report.refund_id is not None, "a report is about one of the two"
    here = await refunds.locked_refund(tx, report.refund_id, because)
    if (known := await store.known_outcome(tx, report)) is not None:
        return known
    return await _done(tx, report, await refunds.bank_says(tx, here, report))


async def _done(tx: Tx, report: BankReport, said: tuple[str, list[Told]]) -> str:
    outcome, told = said
    await store.keep(tx, report, outcome)
    await outbox.append(tx, told)
    return outcome
