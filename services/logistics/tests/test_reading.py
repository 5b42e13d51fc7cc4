"""Who sees which parcels."""

from __future__ import annotations

from openapi_spec_validator import validate

from services.logistics import main
from services.logistics.tests.world import ADDRESS, World, confirmed, line
from shared.kernel.ids import new_id


async def test_a_parcel_is_shown_in_the_agreed_shape(logistics: World, handed_over: str) -> None:
    seen = await logistics.seen(handed_over)
    assert set(seen) == {
        *("shipment_id", "order_id", "supplier_order_id", "supplier_id", "carrier", "waybill"),
        *("parcel_state", "cash_state", "cod_amount", "lines", "timeline"),
    }
    assert seen["cod_amount"] == {"amount": 12_900, "currency": "CNY"}


async def test_a_parcel_is_seen_by_its_supplier_and_its_carrier_alone(logistics: World, handed_over: str) -> None:
    path = f"/shipments/{handed_over}"
    for suffix in ("", "/label"):
        assert (await logistics.get(path + suffix, "supplier", logistics.supplier_id)).status_code == 200
        assert (await logistics.get(path + suffix, "carrier", "sandbox")).status_code == 200
        assert (await logistics.get(path + suffix, "supplier", new_id())).status_code == 404
        assert (await logistics.get(path + suffix, "carrier", "other")).status_code == 404
    assert (await logistics.get(path + "/label")).status_code == 403
    assert (await logistics.get(path, "buyer", "buyer-1")).status_code == 403
    assert (await logistics.get("/shipments/1")).status_code == 404


async def test_the_label_carries_the_address_as_json_or_as_a_page(logistics: World, handed_over: str) -> None:
    path = f"/shipments/{handed_over}/label"
    label = (await logistics.get(path, "supplier", logistics.supplier_id)).json()
    assert label["ship_to"] == ADDRESS
    page = await logistics.get(path, "supplier", logistics.supplier_id, accept="text/html")
    assert page.headers["content-type"].startswith("text/html")
    assert "西湖区 &lt;1&gt; 号" in page.text
    assert "CNY 129.00" in page.text


async def test_a_label_waits_for_the_address(logistics: World) -> None:
    (parcel,) = await logistics.plan(confirmed([line(logistics.supplier_id)]), with_details=False)
    answer = await logistics.get(f"/shipments/{parcel}/label", "supplier", logistics.supplier_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "delivery_details_missing")


async def test_lists_are_paged_in_the_order_of_orders_and_show_ones_own(logistics: World) -> None:
    mine = [await logistics.parcel() for _ in range(5)]
    await logistics.plan(confirmed([line(new_id())]))
    found, path = [], "/shipments?limit=2"
    while path:
        page = (await logistics.get(path, "supplier", logistics.supplier_id)).json()
        found += [item["shipment_id"] for item in page["items"]]
        path = f"/shipments?limit=2&cursor={page['next_cursor']}" if page["next_cursor"] else ""
    assert found == mine
    everyone = (await logistics.get("/shipments")).json()["items"]
    assert len(everyone) == 6
    assert (await logistics.get("/shipments", "supplier", "no-id")).json() == {"items": [], "next_cursor": None}


async def test_lists_are_narrowed(logistics: World, handed_over: str) -> None:
    other = await logistics.parcel()
    order_id = (await logistics.seen(other))["order_id"]

    async def ids(query: str, role: str = "operator", party: str = "op") -> list[str]:
        answer = await logistics.get(f"/shipments?{query}", role, party)  # type: ignore[arg-type]
        return [item["shipment_id"] for item in answer.json()["items"]]

    assert await ids(f"order_id={order_id}") == [other]
    assert await ids("state=HANDED_OVER") == [handed_over]
    assert await ids(f"supplier_id={logistics.supplier_id}") == [handed_over, other]
    assert await ids(f"supplier_id={new_id()}", "supplier", logistics.supplier_id) == []
    assert await ids("", "carrier", "sandbox") == [handed_over]
    for wrong in ("state=EATEN", "order_id=1", "limit=1000"):
        assert (await logistics.get(f"/shipments?{wrong}")).json()["code"] == "validation_failed"
    assert (await logistics.get("/shipments?cursor=x")).json()["code"] == "cursor_invalid"


def test_the_openapi_document_is_valid() -> None:
    validate(main.api.openapi())
