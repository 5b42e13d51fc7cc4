"""A payment provider pays over what it has taken."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.orders.domain import journals
from services.orders.domain.journals import Payer
from services.orders.domain.ledger import Occasion
from services.orders.domain.lifecycle import Order
from services.orders.domain.payments import Payment, Settling
from services.orders.domain.split import apportion
from services.orders.store import lifecycle as orders_store
from services.orders.store import settlements as store
from services.orders.store.lifecycle import Turned
from services.orders.store.settlements import Settlement
from services.orders.usecases import commissions
from services.orders.usecases.ledger import Posting, post, postings
from services.orders.usecases.lifecycle import inherited
from shared.contracts.event import Cause
from shared.contracts.orders import PaymentSettled
from shared.contracts.values import Money, OrderId, PaymentId, SupplierId
from shared.kernel import outbox
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.outbox import Told

FeeBearer = Literal["supplier", "platform"]


@dataclass(frozen=True, slots=True)
class _Row:
    """A row of a settlement about a payment of ours."""

    payment: Payment
    gross: int
    fee: int


async def take_settlement(tx: Tx, settlement: Settlement, bearer: FeeBearer, because: Cause) -> bool:
    """Book a settlement once; False when it was known.

    Raises:
        Rejected: `settlement_changed`, `unknown_payment`, `currency_mismatch` or `settlement_differs`; nothing of it
            is booked then.
    """
    if await _is_known(tx, settlement):
        return False
    rows = await _rows(tx, settlement)
    orders = await orders_store.lock(tx, {row.payment.order_id for row in rows})
    if not await store.keep(tx, settlement, rows[0].payment.currency):
        return not await _is_known(tx, settlement)
    after = _settled(rows, await store.settling(tx, orders), orders)
    whole = {row.payment.payment_id: _is_whole(row.payment, after) for row in rows}
    turned = await store.settle(tx, whole)
    parties = await store.suppliers(tx, orders)
    cause = {order_id: inherited(order, because) for order_id, order in orders.items()}
    real = [row for row in rows if not orders[row.payment.order_id].loadtest]
    told: list[Told] = list(_told(settlement, rows, turned, cause))
    told += await post(tx, [p for row in real for p in _booked(settlement, row, parties, bearer, cause)])
    await outbox.append(tx, [*told, *await commissions.release(tx, orders, cause)])
    return True


async def _is_known(tx: Tx, settlement: Settlement) -> bool:
    body = await store.known(tx, settlement)
    if body is not None and body != settlement.body:
        raise Rejected("settlement_changed", "This settlement_id was used for another settlement.")
    return body is not None


async def _rows(tx: Tx, settlement: Settlement) -> list[_Row]:
    found = await store.payments(tx, {payment_id for payment_id, _, _ in settlement.rows})
    if missing := [str(one) for one, _, _ in settlement.rows if one not in found]:
        raise Rejected("unknown_payment", "These payments are none of ours.", payment_ids=missing)
    if len({payment.currency for payment in found.values()} | settlement.currencies) != 1:
        raise Rejected("currency_mismatch", "A settlement is in one currency.")
    return [_Row(found[payment_id], gross, fee) for payment_id, gross, fee in settlement.rows]


def _settled(
    rows: Sequence[_Row], before: Mapping[OrderId, Settling], orders: Mapping[OrderId, Order]
) -> dict[OrderId, Settling]:
    """What the provider has of each order after all rows; of a load test's it has nothing that counts."""
    after = dict(before)
    for row in sorted(rows, key=lambda row: -row.gross):  # it may keep of what it pays over in the same settlement
        order_id = row.payment.order_id
        if not orders[order_id].loadtest:
            after[order_id] = after.get(order_id, Settling()).take(row.gross, row.fee)
    return after


def _is_whole(payment: Payment, after: Mapping[OrderId, Settling]) -> bool:
    mine = after.get(payment.order_id, Settling())
    return mine.settled >= mine.captured


def _booked(
    settlement: Settlement,
    row: _Row,
    parties: Mapping[OrderId, Sequence[tuple[SupplierId, int]]],
    bearer: FeeBearer,
    cause: Mapping[OrderId, Cause],
) -> list[Posting]:
    payment = row.payment
    on = Occasion(payment.order_id, payment.currency, f"{settlement.psp}:{settlement.settlement_id}")
    subject = payment.payment_id if row.gross > 0 else f"{payment.payment_id}:refunds"
    suppliers = parties[payment.order_id]
    fees = apportion(row.fee, [amount for _, amount in suppliers])
    shares = [(Payer(bearer, supplier), fee) for (supplier, _), fee in zip(suppliers, fees, strict=True)]
    return postings(
        cause[payment.order_id],
        journals.payment_settled(on, subject, row.gross, row.fee),
        journals.fee_passed_on(on, subject, "psp_fees", shares),
    )


def _told(
    settlement: Settlement, rows: Sequence[_Row], turned: Mapping[PaymentId, Turned], cause: Mapping[OrderId, Cause]
) -> list[PaymentSettled]:
    """One event a payment, with its rows summed."""
    sums: dict[PaymentId, _Row] = {}
    for row in rows:
        before = sums.get(row.payment.payment_id, _Row(row.payment, 0, 0))
        sums[row.payment.payment_id] = _Row(row.payment, before.gross + row.gross, before.fee + row.fee)
    return [
        _event(settlement, row, turned[one]).at(turned[one].position, cause[row.payment.order_id])
        for one, row in sums.items()
    ]


def _event(settlement: Settlement, row: _Row, turned: Turned) -> PaymentSettled:
    payment = row.payment
    return PaymentSettled(
        payment_id=payment.payment_id,
        order_id=payment.order_id,
        state=payment.state,
        due=Money(amount=payment.due, currency=payment.currency),
        psp=settlement.psp,
        settlement_id=settlement.settlement_id,
        bank_ref=settlement.bank_ref,
        gross=Money(amount=row.gross, currency=payment.currency),
        fee=Money(amount=row.fee, currency=payment.currency),
        settled_at=turned.at,
    )
