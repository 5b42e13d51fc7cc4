"""A buyer's order as the form on a product's page holds it, and as orders' public API takes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from pydantic import Field

from services.storefront.domain import Shelved, Storefront
from services.storefront.http.words import REGIONS
from shared.contracts.values import Currency, Money
from shared.kernel.http import Body, Id
from shared.kernel.ids import new_id

MAX_QUANTITY = 99  # what a form offers; orders has its own limit
_PHONE = re.compile(r"\+?[0-9][0-9 \-]{4,18}")
_LIMITS: Mapping[str, int] = {"name": 80, "address": 300}


class BuyForm(Body):
    """The fields of the form; what people type is judged by `Form.faults`, so that it can be shown again."""

    key: Id[str]  # of this order: sent again by a reload, and so never placed twice
    amount: int = Field(ge=0, le=2**53)
    currency: Currency
    touch: str = ""
    qty: str = ""
    payment: str = ""
    name: str = ""
    phone: str = ""
    region: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """The form as a page shows it: what was typed, what is wrong with it, what orders said."""

    key: str
    price: Money
    touch: str
    typed: Mapping[str, str]
    faults: Mapping[str, str] = field(default_factory=dict)
    notice: str = ""

    @classmethod
    def blank(cls, item: Shelved, touch: str) -> Self:
        payment = "cod" if item.cod_allowed else "prepaid"
        empty = dict.fromkeys(("name", "phone", "region", "address"), "")
        return cls(new_id(), item.price, touch, {**empty, "qty": "1", "payment": payment})

    @classmethod
    def of(cls, body: BuyForm) -> Self:
        """The form as it was sent."""
        typed = {name: getattr(body, name).strip() for name in ("qty", "payment", "name", "phone", "region", "address")}
        return cls(body.key, Money(amount=body.amount, currency=body.currency), body.touch, typed)

    def checked(self, item: Shelved) -> Form:
        """With a word about each field that can't be right."""
        typed = self.typed
        served = item.regions or tuple(REGIONS)
        right = {
            "qty": typed["qty"].isascii() and typed["qty"].isdigit() and 1 <= int(typed["qty"]) <= MAX_QUANTITY,
            "name": 0 < len(typed["name"]) <= _LIMITS["name"],
            "phone": bool(_PHONE.fullmatch(typed["phone"])),
            "region": typed["region"] in served,
            "address": 0 < len(typed["address"]) <= _LIMITS["address"],
            "payment": typed["payment"] in (("cod", "prepaid") if item.cod_allowed else ("prepaid",)),
        }
        faults = {name: f"bad_{name}" for name, fits in right.items() if not fits}
        return replace(self, faults=faults, notice="bad_form" if faults else "")

    def noticed(self, notice: str, *, anew: bool, price: Money | None = None) -> Form:
        """The form to be sent again: `anew` as another order, or as the same one."""
        return replace(self, notice=notice, key=new_id() if anew else self.key, price=price or self.price)

    def order(self, shop: Storefront, item: Shelved, buyer_ref: str) -> dict[str, Any]:
        """The body of `POST /orders`, the same for the same form."""
        line = {"listing_id": item.listing_id, "qty": int(self.typed["qty"]), "unit_price": self.price.model_dump()}
        return {
            "storefront_id": shop.storefront_id,
            "buyer_ref": buyer_ref,
            "payment": self.typed["payment"],
            "lines": [line],
            "ship_to": {name: self.typed[name] for name in ("name", "phone", "region", "address")},
            **({"touch": self.touch} if self.touch else {}),
        }
