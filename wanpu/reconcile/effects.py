"""Invariant 2, downstream: what one service told has changed another exactly once."""

from __future__ import annotations

from wanpu.reconcile.finding import Finding, World, finding

# By what became of the parcel: the state of its supplier order in orders.
PART_STATES = {
    "CREATED": "CONFIRMED",
    "CANCELLED": "CANCELLED",
    **dict.fromkeys(("HANDED_OVER", "IN_TRANSIT", "OUT_FOR_DELIVERY", "ATTEMPT_FAILED", "RETURNING"), "HANDED_OVER"),
    "DELIVERED": "DELIVERED",
    **dict.fromkeys(("RETURNED", "RESTOCKED", "WRITTEN_OFF"), "RETURNED"),
    **dict.fromkeys(("LOST", "DAMAGED"), "LOST"),
}
_PARCELS = """
    SELECT coalesce(p.supplier_order_id, s.supplier_order_id)::text AS part, p.state AS part_state,
           p.shipment_id AS known, s.shipment_id, s.state AS parcel_state, p.expected
      FROM (SELECT so.*, o.state NOT IN ('PLACED', 'EXPIRED', 'CANCELLED')
                         AND EXISTS (SELECT FROM orders.lines l
                                      WHERE l.supplier_order_id = so.supplier_order_id AND l.kind = 'good') AS expected
              FROM orders.supplier_orders so JOIN orders.orders o USING (order_id)) p
           FULL JOIN logistics.shipments s USING (supplier_order_id)
     WHERE p.expected OR s.shipment_id IS NOT NULL
"""
_CANCELLED_LINES = """
    SELECT l.line_id::text AS line_id, s.state
      FROM orders.lines l JOIN logistics.shipments s USING (supplier_order_id)
     WHERE l.state IN ('CANCELLED', 'RELEASED') AND s.state NOT IN ('CREATED', 'CANCELLED')
"""
_JOURNALS = "SELECT cause, count(*) AS times FROM orders.journals WHERE kind = $1 GROUP BY cause"
_EARNED = """
    SELECT coalesce(l.line_id::text, j.subject) AS line_id, coalesce(j.times, 0) AS times
      FROM (SELECT line_id FROM orders.lines JOIN orders.orders o USING (order_id)
             WHERE lines.state IN ('DELIVERED', 'COMPLETED') AND lines.amount > 0 AND NOT o.loadtest) l
           FULL JOIN (SELECT subject, count(*) AS times FROM orders.journals WHERE kind = 'line_delivered'
                       GROUP BY subject) j ON j.subject = l.line_id::text
     WHERE l.line_id IS NULL OR j.times IS DISTINCT FROM 1
"""
_RECEIVED = "SELECT stock_id::text AS stock_id, received FROM orders.stock"
_DELIVERED = """
    SELECT variant_id::text AS stock_id, sum(delta)::bigint AS sum FROM catalog.stock_deliveries GROUP BY 1
     UNION ALL SELECT slot_id::text, capacity FROM catalog.slots
"""


async def each_confirmed_part_has_one_parcel(world: World) -> Finding:
    """A supplier order with goods, once confirmed, has exactly one parcel, and both agree on what became of it."""
    faults, count = [], 0
    for row in await world.kept.rows(_PARCELS, of=["orders", "logistics"]):
        count += 1
        if row["shipment_id"] is None:
            faults.append(f"supplier order {row['part']} is {row['part_state']} and has no parcel")
        elif not row["expected"]:
            faults.append(f"parcel {row['shipment_id']} for {row['part']}, which was never confirmed")
        elif PART_STATES.get(row["parcel_state"]) != row["part_state"]:
            faults.append(f"parcel of {row['part']} is {row['parcel_state']}, its supplier order {row['part_state']}")
        elif row["known"] != row["shipment_id"]:
            faults.append(f"supplier order {row['part']} knows parcel {row['known']}, not {row['shipment_id']}")
    return finding(2, "each confirmed part has one parcel", faults, f"{count} supplier orders, a parcel each")


async def no_parcel_travels_for_a_cancelled_line(world: World) -> Finding:
    """What was called off did not leave the supplier."""
    rows = await world.kept.rows(_CANCELLED_LINES, of=["orders", "logistics"])
    faults = [f"line {row['line_id']} is cancelled and its parcel {row['state']}" for row in rows]
    return finding(2, "no parcel travels for a cancelled line", faults, "none does")


async def each_collection_is_booked_once(world: World) -> Finding:
    """Every `ShipmentCOD` has one journal, and no cash is booked that nobody told of."""
    booked = await _causes(world, "cod_collected")
    due = {f"collection:{name}" for name, each in world.told.collections.items() if each.amount > 0}
    faults = _differences("collection", due, booked)
    return finding(2, "each collection is booked once", faults, f"{len(due)} collections, a journal each")


async def each_remittance_is_booked_once(world: World) -> Finding:
    """Every row that `CodRemitted` names has one journal, and so have every `CodBanked` and its reversal."""
    told = world.told.cash
    rows = {f"row:{row_id}" for row_id in told.remitted}
    faults = _differences("row", rows, await _causes(world, "cod_remitted"))
    faults += _differences("credit", told.banked, await _causes(world, "cod_banked"))
    faults += _differences("reversal", told.unbanked, await _causes(world, "banking_reversed"))
    shown = f"{len(rows)} rows remitted, {len(told.banked)} banked, {len(told.unbanked)} reversed"
    return finding(2, "each remittance is booked once", faults, f"{shown}, a journal each")


async def each_capture_is_booked_once(world: World) -> Finding:
    """Every `PaymentCaptured` has one journal."""
    booked = await _causes(world, "payment_captured")
    faults = _differences("capture", world.told.captures, booked)
    return finding(2, "each capture is booked once", faults, f"{len(booked)} captures, a journal each")


async def each_delivered_line_is_earned_once(world: World) -> Finding:
    """A delivered line's money went to its parties once, and that of no other line."""
    rows = await world.kept.rows(_EARNED, of=["orders"])
    faults = [f"line {row['line_id']} was earned {row['times']} times or was not delivered" for row in rows]
    return finding(2, "each delivered line is earned once", faults, "each is")


async def each_stock_delta_is_added_once(world: World) -> Finding:
    """Catalog's deliveries and slots, what it told of them, and what orders received are the same sums."""
    kept = {row["stock_id"]: row["received"] for row in await world.kept.rows(_RECEIVED, of=["orders"])}
    sent = {row["stock_id"]: row["sum"] for row in await world.kept.rows(_DELIVERED, of=["catalog"])}
    told = world.told.adjusted
    every = sorted(kept.keys() | sent.keys() | told.keys())
    faults = [
        f"stock {each}: delivered {sent.get(each, 0)}, told {told[each]}, received {kept.get(each, 0)}"
        for each in every
        if not sent.get(each, 0) == told[each] == kept.get(each, 0)
    ]
    shown = f"{len(every)} variants and slots, one sum in all three places"
    return finding(2, "each stock delta is added once", faults, shown)


async def _causes(world: World, kind: str) -> dict[str, int]:
    return {row["cause"]: row["times"] for row in await world.kept.rows(_JOURNALS, kind, of=["orders"])}


def _differences(what: str, due: set[str], booked: dict[str, int]) -> list[str]:
    faults = [f"{what} {cause} is not booked" for cause in sorted(due - booked.keys())]
    faults += [f"{what} {cause} is booked and was never told of" for cause in sorted(booked.keys() - due)]
    return faults + [f"{what} {cause} is booked {times} times" for cause, times in booked.items() if times > 1]
