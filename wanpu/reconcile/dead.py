"""Invariant 8: whatever could not take effect can still be explained, found and tried again."""

from __future__ import annotations

from wanpu.reconcile.finding import Finding, World, finding

_STUCK = """
    SELECT '{service}' AS service, p.topic, p.key FROM {service}.parked p
     WHERE NOT EXISTS (SELECT FROM {service}.dead_letters d WHERE d.topic = p.topic AND d.stream_key = p.key)
"""


async def each_dead_letter_can_be_replayed(world: World) -> Finding:
    """It has a cause and a source, its bytes are those at its source, and its subscription still exists."""
    faults, letters = [], await world.kept.parked()
    for row in letters:
        place = (row["topic"], row["partition"], row["offset"])
        name = f"{row['service']} {row['id']} from {row['topic']}[{row['partition']}]@{row['offset']}"
        if not row["cause"].strip():
            faults.append(f"{name}: no cause")
        if place not in world.told.parked_bodies:
            faults.append(f"{name}: there is no such record")
        elif world.told.parked_bodies[place] != row["body"]:
            faults.append(f"{name}: its bytes are not those of its source")
        known = world.routers[row["service"]].subscriptions.get(row["topic"])
        if known is None or known.group != row["consumer"]:
            faults.append(f"{name}: {row['consumer']} is no subscription any more, so nothing can replay it")
    parked = {(row["topic"], row["partition"], row["offset"]) for row in letters}
    given_up = len(world.told.unreadable.keys() - parked)  # or on a topic that nobody reads
    seen = f"{len(letters)} dead letters; of the topics' unreadable records {given_up} are given up"
    return finding(8, "each dead letter can be replayed", faults, seen)


async def no_stream_stands_still_without_cause(world: World) -> Finding:
    """A stream is parked behind a dead letter, and by nothing else."""
    rows = await world.kept.each(_STUCK)
    faults = [f"{row['service']}: {row['topic']} {row['key']} stands still behind nothing" for row in rows]
    return finding(8, "no stream stands still without cause", faults, "none does")
