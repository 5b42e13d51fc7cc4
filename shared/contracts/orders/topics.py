"""The topics orders writes."""

from __future__ import annotations

from ..event import Topic

ORDERS = Topic("orders.orders", owner="orders", key="order_id")
PAYMENTS = Topic("orders.payments", owner="orders", key="payment_id")
REFUNDS = Topic("orders.refunds", owner="orders", key="refund_id")
PAYOUTS = Topic("orders.payouts", owner="orders", key="payout_id")
AVAILABILITY = Topic("orders.availability", owner="orders", key="variant_id")
LEDGER = Topic("orders.ledger", owner="orders", key="stream_id")
COMMISSIONS = Topic("orders.commissions", owner="orders", key="party")
PERSONAL = Topic(
    "orders.personal", owner="orders", key="order_id", retention_days=30, readers=("logistics", "notifier")
)
