"""Templates to HTML: escaped by default, prices from minor units, Markdown without raw HTML."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from services.storefront.http.visits import Visit, is_ahead
from services.storefront.http.words import WORDS
from shared.contracts.values import Money
from shared.kernel.http import Call, Problem

FOLDER = Path(__file__).parents[1] / "pages"
STYLE = (FOLDER / "static" / "shop.css").read_bytes()
STYLE_PATH = f"/s/-/{hashlib.sha256(STYLE).hexdigest()[:12]}.css"  # a slug never starts with a dash

# Minor units of one major unit, as a power of ten (ISO 4217); all others have two.
_EXPONENTS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "BHD": 3, "KWD": 3, "OMR": 3, "JOD": 3, "TND": 3}
_SYMBOLS = {"CNY": "¥", "USD": "US$", "EUR": "€", "GBP": "£", "HKD": "HK$", "JPY": "JP¥"}


def price(money: Money) -> str:
    """CNY 12900 as `¥129.00`."""
    places = _EXPONENTS.get(money.currency, 2)
    amount = f"{Decimal(money.amount).scaleb(-places):,.{places}f}"
    symbol = _SYMBOLS.get(money.currency)
    return f"{symbol}{amount}" if symbol else f"{money.currency} {amount}"


def picture(address: str) -> bool:
    """Whether an address can be shown as a picture."""
    return address.lower().startswith(("https://", "http://", "data:image/"))


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.filters["price"] = price
_ENVIRONMENT.tests["picture"] = picture
_ENVIRONMENT.globals["style_path"] = STYLE_PATH


def page(call: Call, visit: Visit, template: str, status: int = 200, **shown: Any) -> HTMLResponse:
    """A page of a shop in the visitor's language, which remembers them."""
    context = {"words": WORDS[visit.language], "language": visit.language, "visit": visit, "shop": visit.shop}
    response = HTMLResponse(_ENVIRONMENT.get_template(template).render(context | shown), status)
    # A page fetched ahead holds no touch: the browser must fetch it anew when somebody really opens it.
    response.headers["cache-control"] = "no-store" if is_ahead(call.request) else "private, no-cache"
    response.headers["vary"] = "accept-language, cookie"
    visit.remember(response, call, buyer_ref=shown.get("buyer_ref"))
    return response


def error_page(problem: Problem) -> str:
    """A failure in the shopper's words, in both languages: what the browser prefers is not known here."""
    said = {404: "gone", 500: "went_wrong", 503: "went_wrong"}.get(problem.status, "cannot")
    both: Mapping[str, str] = {language: words[said] for language, words in WORDS.items()}
    return _ENVIRONMENT.get_template("error.html").render(said=both, status=problem.status)
