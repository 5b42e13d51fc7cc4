"""The pages: what stands on them, in whose language, and what can't get in."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from html.parser import HTMLParser
from itertools import permutations

import pytest

from services.storefront.http.articles import lay_out
from services.storefront.http.rendering import price
from services.storefront.http.words import WORDS, language_of
from services.storefront.tests.world import Market, Shop, World, links
from shared.contracts.values import Money

ATTACK = "<script>alert(1)</script><img src=x onerror=alert(1)>"


class _Runs(HTMLParser):
    """Collects whatever a browser would run."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "iframe", "object", "embed", "style", "svg"):
            self.found.append(tag)
        for name, value in attrs:
            address = (value or "").strip().lower()
            if name.startswith("on") or (name in ("href", "src", "action") and address.startswith(_RUNNING)):
                self.found.append(f"{tag} {name}={value}")


_RUNNING = ("javascript:", "vbscript:", "data:text", "data:application")


def running_parts(page: str) -> list[str]:
    """Tags and attributes of a page that would run something."""
    parser = _Runs()
    parser.feed(page)
    return parser.found


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [(12_900, "CNY", "¥129.00"), (5, "CNY", "¥0.05"), (1_234_567, "USD", "US$12,345.67"), (900, "JPY", "JP¥900")],
)
def test_a_price_is_shown_in_major_units(amount: int, currency: str, shown: str) -> None:
    assert price(Money(amount=amount, currency=currency)) == shown


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9", "en"),
        ("de,zh;q=0.2,en;q=0.5", "en"),
        ("zh;q=x,en;q=0.1", "en"),
        ("", "en"),
    ],
)
def test_a_page_speaks_the_browsers_language(accepted: str, language: str) -> None:
    assert language_of(accepted) == language


def test_both_languages_say_everything() -> None:
    assert WORDS["zh"].keys() == WORDS["en"].keys()
    assert all(all(words.values()) for words in WORDS.values())


@pytest.mark.parametrize(
    ("body", "positions", "expected"),
    [
        ("One.\n\n{{listing:7}}\n\nTwo.", {7}, ["One", 7, "Two"]),
        ("One.\n\nTwo.", {0}, [0, "One", "Two"]),
        ("One.\n\nTwo.", {1}, ["One", 1, "Two"]),
        ("One.\n\nTwo.", {1, 9}, ["One", 1, "Two", 9]),
        ("One.\n\n{{ listing: 2 }}\n\nTwo.\n\nThree.", {1, 2}, ["One", 2, 1, "Two", "Three"]),
        ("One {{listing:1}} inline.", {1}, ["One", 1]),
        ("One.\n\n{{listing:5}}", set(), ["One"]),
        ("", {4}, [4]),
    ],
)
def test_a_listing_stands_where_the_text_names_it_or_after_so_many_blocks(
    body: str, positions: set[int], expected: list[str | int]
) -> None:
    found = [
        part if isinstance(part, int) else str(part).strip("<p>\n").split(".")[0] for part in lay_out(body, positions)
    ]
    assert [part if isinstance(part, int) else part.split(" ")[0] for part in found] == expected


@pytest.mark.parametrize(
    "body",
    [
        ATTACK,
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&#58;alert(1))",
        "![x](javascript:alert(1))",
        '![" onerror="alert(1)](https://a.example/x.png "\\" onload=alert(1)")',
        "<a href='data:text/html,x'>x</a>",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        '<https://a.example/"onmouseover=alert(1)>',
        "```<script>\nalert(1)\n```",
    ],
)
async def test_what_an_article_tries_to_run_is_inert(world: World, shop: Shop, body: str) -> None:
    page = await world.page(await shop.write(body, title=ATTACK))
    assert page.status_code == 200
    assert running_parts(page.text) == []
    assert "&lt;script&gt;" in page.text


async def test_what_a_supplier_tries_to_run_is_inert(world: World, shop: Shop, market: Market) -> None:
    product = market.product(title=ATTACK, description=ATTACK, media=("javascript:alert(1)", 'x" onerror="alert(1)'))
    await world.hear(market.supplier(name=ATTACK), product, market.offer(), market.stock(market.tin))
    listing = (await shop.adopt(market))["listings"][0]["listing_id"]
    for path in (shop.path, f"{shop.path}/p/{listing}"):
        text = (await world.page(path)).text
        assert running_parts(text) == []
        assert "&lt;script&gt;" in text


async def test_pages_load_nothing_from_elsewhere_but_pictures(world: World, shop: Shop, stocked: Market) -> None:
    await shop.adopt(stocked)
    page = await world.page(shop.path)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert page.text.count("http") == page.text.count("https://pictures.example/")
    (style,) = [part.split('"')[0] for part in page.text.split('href="') if part.startswith("/s/-/")]
    sheet = await world.http.get(style)
    assert sheet.headers["content-type"].startswith("text/css")
    assert "immutable" in sheet.headers["cache-control"]


async def test_pictures_wait_until_they_are_near_and_have_words(world: World, shop: Shop, stocked: Market) -> None:
    await shop.adopt(stocked)
    text = (await world.page(shop.path)).text
    assert text.count('loading="lazy"') == text.count("<img ") == 2
    assert 'alt="明前龙井 Longjing"' in text


async def test_the_chrome_is_chinese_for_a_chinese_browser(world: World, shop: Shop, stocked: Market) -> None:
    await shop.adopt(stocked)
    page = await world.page(shop.path, accept_language="zh-CN")
    assert '<html lang="zh">' in page.text
    assert "仅剩少量" in page.text


async def test_a_shop_is_read_page_by_page_each_listing_once(world: World, shop: Shop, stocked: Market) -> None:
    listings = (await shop.adopt(stocked))["listings"]
    first = await world.page(f"{shop.path}?limit=1")
    (more,) = links(first, "cursor=")
    second = await world.page(more)
    seen = [link.split("/p/")[1][:36] for page in (first, second) for link in links(page, "/p/")]
    assert seen == [each["listing_id"] for each in listings]
    assert not links(second, "cursor=")


@pytest.mark.parametrize("path", ["/s/nobody", "/s/acha/p/x", "/s/acha/c/x", "/s/acha/p/{id}", "/s/acha/c/{id}"])
async def test_an_address_without_anything_says_so_in_both_languages(world: World, shop: Shop, path: str) -> None:
    page = await world.page(path.replace("{id}", shop.storefront_id))
    assert page.status_code == 404
    assert "这个页面不存在" in page.text
    assert "There is nothing here" in page.text


async def test_an_article_shows_that_a_listing_is_off_sale(world: World, shop: Shop, stocked: Market) -> None:
    adopted = await shop.adopt(stocked)
    article = await shop.write("One.", p1=adopted["listings"][0]["listing_id"])
    await shop.owner.made(f"/adoptions/{adopted['adoption_id']}/pause")
    page = await world.page(article)
    assert "No longer on sale" in page.text
    assert not links(page, "/p/")


async def test_the_shelf_is_the_same_whatever_arrives_first(
    world: World, open_shop: Callable[[str], Awaitable[Shop]]
) -> None:
    """Every order of four topics: each pair of them is delivered both ways round."""
    for turn, order in enumerate(permutations(range(4))):
        market, shop = Market(), await open_shop(f"shop-{turn}")
        await world.hear(market.offer())
        await shop.adopt(market)
        told = [market.supplier(), market.product(), market.offer(), market.stock(market.tin, "few")]
        await world.hear(*(told[place] for place in order))
        shown = [(each["price"]["amount"], each["available"]) for each in await world.listings(shop.storefront_id)]
        page = await world.page(shop.path)
        assert shown == [(12_900, "few"), (49_900, "no")]
        assert (page.text.count("¥129.00"), page.text.count("Sold out")) == (1, 1)


@pytest.mark.parametrize("missing", ["supplier", "product"])
async def test_what_is_not_complete_is_not_for_sale(world: World, shop: Shop, market: Market, missing: str) -> None:
    told = {"supplier": market.supplier(), "product": market.product(), "stock": market.stock(market.tin)}
    late = told.pop(missing)
    await world.hear(market.offer(), *told.values())
    listing = (await shop.adopt(market))["listings"][0]["listing_id"]
    assert await world.listings(shop.storefront_id) == []
    assert (await world.page(f"{shop.path}/p/{listing}")).status_code == 404
    await world.hear(late)
    assert len(await world.listings(shop.storefront_id)) == 2
