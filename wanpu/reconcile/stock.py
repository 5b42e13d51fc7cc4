"""Invariant 5: nothing is promised twice."""

from __future__ import annotations

from wanpu.reconcile.finding import Finding, World, finding

# `least` and `most` bound what is sold: whether a return was fit to be sold again stands in logistics alone.
_STOCK = """
    SELECT stock_id::text AS stock_id, coalesce(s.received, 0) AS received,
           coalesce(s.reserved, 0) AS reserved, coalesce(s.sold, 0) AS sold, coalesce(s.short, 0) AS short,
           coalesce(l.live, 0) AS live, coalesce(l.least, 0) AS least, coalesce(l.most, 0) AS most
      FROM orders.stock s
           FULL JOIN (SELECT coalesce(slot_id, variant_id) AS stock_id,
                             sum(qty) FILTER (WHERE state IN ('RESERVED', 'CONFIRMED'))::bigint AS live,
                             sum(qty) FILTER (WHERE state IN ('SHIPPED', 'DELIVERED', 'COMPLETED', 'LOST'))::bigint
                                 AS least,
                             sum(qty) FILTER (WHERE state IN ('SHIPPED', 'DELIVERED', 'COMPLETED', 'LOST', 'REFUSED',
                                                              'RETURNED'))::bigint AS most
                        FROM orders.lines WHERE variant_id IS NOT NULL GROUP BY 1) l USING (stock_id)
"""


async def reserved_is_what_live_orders_hold(world: World) -> Finding:
    """Neither is below zero; reserved is the sum of live reservations; sold is what left and did not come back."""
    faults, count = [], 0
    for row in await world.kept.rows(_STOCK, of=["orders"]):
        count += 1
        name = f"stock {row['stock_id']}"
        if min(row["reserved"], row["sold"]) < 0:
            faults.append(f"{name}: reserved {row['reserved']}, sold {row['sold']}")
        if row["reserved"] != row["live"]:
            faults.append(f"{name}: reserved {row['reserved']}, live orders hold {row['live']}")
        if not row["least"] <= row["sold"] <= row["most"]:
            faults.append(f"{name}: sold {row['sold']}, by the lines {row['least']} to {row['most']}")
    return finding(5, "reserved is what live orders hold", faults, f"{count} variants and slots agree with their lines")


async def nothing_is_oversold(world: World) -> Finding:
    """reserved + sold ≤ received, except by what `StockShort` says is missing."""
    faults = [
        f"stock {row['stock_id']}: {row['reserved']} reserved and {row['sold']} sold of {row['received']} received,"
        f" {row['short']} told short"
        for row in await world.kept.rows(_STOCK, of=["orders"])
        if row["reserved"] + row["sold"] > row["received"] + row["short"]
    ]
    return finding(5, "nothing is oversold", faults, "nothing is promised or sold beyond what was received")
