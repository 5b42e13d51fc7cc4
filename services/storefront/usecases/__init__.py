"""What the storefront does: one function a verb, `(tx, command, cause)`; reactions take a list."""

from services.storefront.usecases.adoptions import (
    Adopt,
    SetPrice,
    adopt_offer,
    end_adoption,
    pause_adoption,
    price_listing,
    resume_adoption,
)
from services.storefront.usecases.contents import WriteContent, publish_content
from services.storefront.usecases.mirrors import (
    mirror_availability,
    mirror_offers,
    mirror_products,
    mirror_suppliers,
)
from services.storefront.usecases.settling import SETTLE_OFFER, settle_due_offers
from services.storefront.usecases.shops import Open, Register, open_storefront, register_creator
from services.storefront.usecases.touches import Arrive, arrive, carry_on, issue_touch

__all__ = [
    "SETTLE_OFFER",
    "Adopt",
    "Arrive",
    "Open",
    "Register",
    "SetPrice",
    "WriteContent",
    "adopt_offer",
    "arrive",
    "carry_on",
    "end_adoption",
    "issue_touch",
    "mirror_availability",
    "mirror_offers",
    "mirror_products",
    "mirror_suppliers",
    "open_storefront",
    "pause_adoption",
    "price_listing",
    "publish_content",
    "register_creator",
    "resume_adoption",
    "settle_due_offers",
]
