"""Orders become parcels, and addresses come and go."""

from __future__ import annotations

from services.logistics import usecases
from services.logistics.consumers import reactions
from services.logistics.tests.world import World, cancellation, confirmed, details, line, timer
from shared.contracts.orders import ORDERS, PERSONAL
from shared.kernel.delivery import Mode
from shared.kernel.ids import derived_id, new_id


async def test_each_supplier_order_with_goods_becomes_one_parcel(logistics: World) -> None:
    first, second = new_id(), new_id()
    order = confirmed([line(first), line(first, 500, "fee")], [line(second, 7_000)])
    parcels = await logistics.plan(order)
    assert parcels == [derived_id(order.envelope.id, part.supplier_order_id) for part in order.supplier_orders]
    told = {event.key: event for event in await logistics.told()}
    assert {event.type for event in told.values()} == {"ShipmentCreated"}
    assert [told[parcel].body["cod_amount"]["amount"] for parcel in parcels] == [13_400, 7_000]
    assert [len(told[parcel].body["lines"]) for parcel in parcels] == [2, 1]
    assert told[parcels[0]].position == 1
    assert told[parcels[0]].headers["ce_causationid"] == order.envelope.id


async def test_a_service_travels_in_no_parcel(logistics: World) -> None:
    supplier = new_id()
    assert await logistics.plan(confirmed([line(supplier, kind="service")])) == []
    (parcel,) = await logistics.plan(confirmed([line(supplier, 3_000), line(supplier, 9_000, "service")]))
    seen = await logistics.seen(parcel)
    assert seen["cod_amount"]["amount"] == sum(each["amount"]["amount"] for each in seen["lines"]) == 3_000


async def test_cash_is_due_for_a_parcel_with_a_cod_amount_only(logistics: World) -> None:
    at_the_door, prepaid = await logistics.parcel(), await logistics.parcel(cod=False)
    assert (await logistics.seen(at_the_door))["cash_state"] == "DUE"
    assert "cash_state" not in await logistics.seen(prepaid)
    assert "cod_amount" not in await logistics.seen(prepaid)


async def test_many_orders_are_planned_at_once(logistics: World) -> None:
    orders = [confirmed([line(new_id())]) for _ in range(50)]
    await logistics.db.run(lambda tx: usecases.plan_shipments(tx, orders))
    assert len(await logistics.told()) == 50


async def test_the_address_may_come_first(logistics: World) -> None:
    order = confirmed([line(logistics.supplier_id)])
    await logistics.db.run(lambda tx: usecases.learn_details(tx, [details(order)]))
    (parcel,) = await logistics.plan(order, with_details=False)
    assert (await logistics.hand_over(parcel)).status_code == 200


async def test_addresses_are_forgotten_when_the_last_parcel_ended_long_ago(logistics: World) -> None:
    pool = logistics.db.pool
    waiting, ended = confirmed([line(new_id())]), confirmed([line(new_id())])
    never_confirmed = confirmed([line(new_id())])
    for order in (waiting, ended):
        await logistics.plan(order)
    await logistics.db.run(lambda tx: usecases.learn_details(tx, [details(never_confirmed)]))
    await logistics.db.run(lambda tx: usecases.call_off(tx, [cancellation(ended)]))
    due = [timer("forget_details", "all")]
    await logistics.db.run(lambda tx: usecases.forget_details(tx, due, 3_600))
    assert await pool.fetchval("SELECT count(*) FROM delivery_details") == 3
    await logistics.db.run(lambda tx: usecases.forget_details(tx, due, 0))
    assert await pool.fetchval("SELECT array_agg(order_id::text) FROM delivery_details") == [waiting.order_id]
    assert await pool.fetchval("SELECT count(*) FROM timers WHERE kind = 'forget_details' AND due_at >= now()") == 1


async def test_both_topics_are_read_event_by_event(logistics: World) -> None:
    subscriptions = reactions(logistics.settings).subscriptions
    assert {name: each.mode for name, each in subscriptions.items()} == {
        ORDERS.name: Mode.EVERY,
        PERSONAL.name: Mode.EVERY,
    }
