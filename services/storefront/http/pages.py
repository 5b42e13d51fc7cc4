"""The pages people open: a shop, an article, a product."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import HTMLResponse, Response

from services.storefront import store
from services.storefront.domain import Content, Shelved, Storefront
from services.storefront.http import articles, rendering
from services.storefront.http.ordering import Form
from services.storefront.http.visits import Visit
from services.storefront.http.words import regions_for
from shared.contracts.values import ContentId, ListingId
from shared.kernel.database import Tx
from shared.kernel.errors import Rejected
from shared.kernel.http import Call, Page, Routes

HEADLINES = 6
FOR_EVER = "public, max-age=31536000, immutable"  # its address changes with its content

routes = Routes()


@routes.get("/s/{slug}", anyone=True, page=True)
async def open_shop(call: Call, tx: Tx, slug: str, page: Page) -> HTMLResponse:
    """A shop: what it sells, what its creator wrote."""
    shop = await find_shop(tx, slug)
    found = page.of(await store.select_shelf(tx, shop.storefront_id, page.after, page.fetch), lambda x: x.listing_id)
    reads = [] if page.after else await store.select_contents(tx, shop.storefront_id, HEADLINES)
    visit = Visit.of(call, shop)
    return rendering.page(call, visit, "shop.html", items=found.items, next_cursor=found.next_cursor, reads=reads)


@routes.get("/s/{slug}/c/{content_id}", anyone=True, page=True)
async def open_content(call: Call, tx: Tx, slug: str, content_id: ContentId) -> HTMLResponse:
    """An article with its listings in it."""
    shop = await find_shop(tx, slug)
    content = await store.select_content(tx, shop.storefront_id, content_id)
    if content is None:
        raise Rejected("not_found", "The shop has no such page.")
    embedded = sorted({embed.listing_id for embed in content.embeds})
    items = await store.select_shelved(tx, shop.storefront_id, embedded)
    visit = Visit.of(call, shop, content_id)
    return rendering.page(call, visit, "content.html", content=content, layout=_parts(content, items))


def _parts(content: Content, items: Sequence[Shelved]) -> list[tuple[articles.Part, Shelved | None]]:
    """The text in order; a place where a listing stands comes with it, or with None when it is off sale."""
    on_sale = {item.listing_id: item for item in items}
    placed = {embed.position: on_sale.get(embed.listing_id) for embed in content.embeds}
    parts = articles.lay_out(content.body, placed)
    return [(part, placed[part] if isinstance(part, int) else None) for part in parts]


@routes.get("/s/{slug}/p/{listing_id}", anyone=True, page=True)
async def open_product(call: Call, tx: Tx, slug: str, listing_id: ListingId) -> HTMLResponse:
    """A product with its order form."""
    shop = await find_shop(tx, slug)
    item = await find_item(tx, shop, listing_id)
    visit = Visit.of(call, shop)
    return product_page(call, visit, item, Form.blank(item, visit.token()))


@routes.get("/s/-/{name}", anyone=True)
async def send_style(name: str) -> Response:
    """The one style sheet of the pages."""
    if not rendering.STYLE_PATH.endswith(f"/{name}"):
        raise Rejected("not_found", "There is nothing at this address.")
    return Response(rendering.STYLE, media_type="text/css", headers={"cache-control": FOR_EVER})


async def find_shop(tx: Tx, slug: str) -> Storefront:
    """The shop of an address. Raises `not_found`."""
    if (shop := await store.select_storefront_by_slug(tx, slug)) is None:
        raise Rejected("not_found", "There is no such shop.")
    return shop


async def find_item(tx: Tx, shop: Storefront, listing_id: ListingId) -> Shelved:
    """A listing on sale in the shop. Raises `not_found` for any other."""
    found = await store.select_shelved(tx, shop.storefront_id, [listing_id])
    if not found:
        raise Rejected("not_found", "This is not on sale here.")
    return found[0]


def product_page(call: Call, visit: Visit, item: Shelved, form: Form, status: int = 200) -> HTMLResponse:
    """The product, with the form as it was filled in so far."""
    regions = regions_for(item.regions, visit.language)
    return rendering.page(call, visit, "product.html", status, item=item, form=form, regions=regions)
