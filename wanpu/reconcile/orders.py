"""Invariant 1: every order that was answered 201 exists exactly once."""

from __future__ import annotations

from wanpu.reconcile.finding import Finding, World, finding
from wanpu.reconcile.history import History

_ORDERS = "SELECT order_id::text AS order_id, placed_by FROM orders.orders"
_TWICE = "SELECT order_no FROM orders.orders GROUP BY order_no HAVING count(*) > 1"
_HOLLOW = """
    SELECT o.order_id::text AS order_id, o.payable, coalesce(sum(l.amount), 0)::bigint AS lines,
           count(l.line_id) FILTER (WHERE s.supplier_order_id IS NULL) AS homeless
      FROM orders.orders o LEFT JOIN orders.lines l USING (order_id)
           LEFT JOIN orders.supplier_orders s ON s.supplier_order_id = l.supplier_order_id AND s.order_id = o.order_id
     GROUP BY o.order_id, o.payable
    HAVING o.payable <> coalesce(sum(l.amount), 0) OR count(l.line_id) FILTER (WHERE s.supplier_order_id IS NULL) > 0
"""


async def each_order_stands_whole(world: World) -> Finding:
    """No order without its lines, no line without its supplier order, the lines sum to what is to be paid."""
    twice = await world.kept.rows(_TWICE, of=["orders"])
    faults = [f"order number {row['order_no']} is given twice" for row in twice]
    for row in await world.kept.rows(_HOLLOW, of=["orders"]):
        sums = f"lines sum to {row['lines']} of {row['payable']}"
        faults.append(f"order {row['order_id']}: {sums}, {row['homeless']} lines without a supplier order")
    return finding(1, "each order stands whole", faults, "every order has its lines, supplier orders and number")


async def each_order_was_placed_once(world: World) -> Finding:
    """The orders in the table are those that `OrderPlaced` told of."""
    kept = {row["order_id"] for row in await world.kept.rows(_ORDERS, of=["orders"])}
    faults = [f"order {order_id} was never told of" for order_id in sorted(kept - world.told.placed)]
    faults += [f"OrderPlaced of {order_id}, which is in no table" for order_id in sorted(world.told.placed - kept)]
    return finding(1, "each order was placed once", faults, f"{len(kept)} orders, each told of as placed")


async def each_201_is_an_order(world: World) -> Finding:
    """Against the driver's own history: what was answered exists, what was not answered exists at most once."""
    name = "each 201 is an order"
    if world.history is None:
        return finding(1, name, [], "no driver's history was given: the tables and topics speak for themselves")
    rows = await world.kept.rows(_ORDERS, of=["orders"])
    parties = world.history.parties()
    faults = _against(world.history, {row["order_id"] for row in rows if row["placed_by"] in parties})
    answered, unknown = len(world.history.orders()), len(world.history.unknown())
    return finding(1, name, faults, f"{answered} keys answered 201 gave one order each; {unknown} were never answered")


def _against(history: History, kept: set[str]) -> list[str]:
    told = history.orders()
    faults = [
        f"key {key} of {party} was answered with {len(ids)} orders: {', '.join(sorted(ids))}"
        for (party, key), ids in told.items()
        if len(ids) > 1
    ]
    owner: dict[str, tuple[str, str]] = {}
    for key, ids in told.items():
        for order_id in ids:
            if owner.setdefault(order_id, key) != key:
                faults.append(f"order {order_id} was the answer to two keys: {owner[order_id][1]} and {key[1]}")
    faults += [f"order {order_id} was answered 201 and is not there" for order_id in sorted(owner.keys() - kept)]
    extra, unknown = kept - owner.keys(), history.unknown()
    if len(extra) > len(unknown):
        shown = ", ".join(sorted(extra)[:3])
        faults.append(f"{len(extra)} orders that nobody was told of, but only {len(unknown)} open keys: {shown}")
    return faults
