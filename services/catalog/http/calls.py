"""The catalog's calls: suppliers act on what is theirs, operators on everything."""

from __future__ import annotations

from typing import Final

from services.catalog import usecases
from services.catalog.domain import Actor, NewSlot, Product, Rules, StockLine, Supplier, Variant
from services.catalog.http import answers, requests
from services.catalog.usecases.offers import NewTerms
from services.catalog.usecases.products import NewPrice
from shared.contracts.values import OfferId, ProductId, SlotId, SupplierId, VariantId
from shared.kernel.auth import Role
from shared.kernel.database import Tx
from shared.kernel.http import Call, Routes
from shared.kernel.ids import new_id

SELLERS: Final[frozenset[Role]] = frozenset({"supplier", "operator"})
OPERATOR: Final[frozenset[Role]] = frozenset({"operator"})

routes = Routes()


def _actor(call: Call) -> Actor:
    return Actor(None if call.role == "operator" else call.party, call.loadtest)


def _rules(call: Call) -> Rules:
    rules: Rules = call.request.app.state.rules
    return rules


@routes.post("/suppliers", roles=OPERATOR, status=201)
async def onboard_supplier(call: Call, tx: Tx, body: requests.NewSupplier) -> answers.SupplierMade:
    """Admit a supplier."""
    supplier = Supplier(SupplierId(new_id()), **dict(body))
    return answers.SupplierMade.model_validate(
        await usecases.suppliers.onboard_supplier(tx, _actor(call), supplier, call.cause)
    )


@routes.get("/suppliers/{supplier_id}", roles=SELLERS)
async def see_supplier(call: Call, tx: Tx, supplier_id: SupplierId) -> answers.SupplierView:
    """A supplier as it is."""
    return answers.SupplierView.model_validate(await usecases.suppliers.see_supplier(tx, _actor(call), supplier_id))


@routes.post("/products", roles=SELLERS, status=201)
async def draft_product(call: Call, tx: Tx, body: requests.NewProduct) -> answers.ProductMade:
    """Keep a product as a draft."""
    variants = tuple(Variant(VariantId(new_id()), **dict(variant)) for variant in body.variants)
    product = Product(ProductId(new_id()), **(dict(body) | {"variants": variants}))
    return answers.ProductMade.model_validate(
        await usecases.products.draft_product(tx, _actor(call), product, _rules(call))
    )


@routes.get("/products/{product_id}", roles=SELLERS)
async def see_product(call: Call, tx: Tx, product_id: ProductId) -> answers.ProductView:
    """A product as it is."""
    return answers.ProductView.model_validate(await usecases.products.see_product(tx, _actor(call), product_id))


@routes.post("/products/{product_id}/publish", roles=SELLERS)
async def publish_product(call: Call, tx: Tx, product_id: ProductId) -> answers.ProductView:
    """Put a product on sale."""
    product = await usecases.products.publish_product(tx, _actor(call), product_id, call.cause)
    return answers.ProductView.model_validate(product)


@routes.post("/products/{product_id}/withdraw", roles=SELLERS)
async def withdraw_product(call: Call, tx: Tx, product_id: ProductId) -> answers.ProductView:
    """Take a product off sale; orders already placed stand."""
    product = await usecases.products.withdraw_product(tx, _actor(call), product_id, call.cause)
    return answers.ProductView.model_validate(product)


@routes.post("/variants/{variant_id}/price", roles=SELLERS, once=True)
async def change_price(call: Call, tx: Tx, variant_id: VariantId, body: requests.PriceWanted) -> answers.PriceSet:
    """Set a variant's list price."""
    wanted = NewPrice(variant_id, body.list_price)
    product = await usecases.products.change_price(tx, _actor(call), wanted, _rules(call), call.cause)
    variant = product.variant(variant_id)
    return answers.PriceSet(
        variant_id=variant.variant_id,
        product_id=product.product_id,
        version=product.version,
        list_price=variant.list_price,
    )


@routes.post("/stock-deliveries", roles=SELLERS, status=201, once=True)
async def deliver_stock(call: Call, tx: Tx, body: requests.NewDelivery) -> answers.DeliveryMade:
    """Record pieces that came in, or left otherwise than by a sale."""
    lines = [StockLine(**dict(line)) for line in body.lines]
    delivery_id = await usecases.stock.deliver_stock(tx, _actor(call), lines, call.cause)
    return answers.DeliveryMade(delivery_id=delivery_id)


@routes.post("/slots", roles=SELLERS, status=201, once=True)
async def open_slot(call: Call, tx: Tx, body: requests.NewSlot) -> answers.SlotMade:
    """Open a time window in which a service can be had."""
    slot = NewSlot(SlotId(new_id()), **dict(body))
    return answers.SlotMade.model_validate(await usecases.slots.open_slot(tx, _actor(call), slot, call.cause))


@routes.get("/slots/{slot_id}", roles=SELLERS)
async def see_slot(call: Call, tx: Tx, slot_id: SlotId) -> answers.SlotView:
    """A slot as it was opened."""
    return answers.SlotView.model_validate(await usecases.slots.see_slot(tx, _actor(call), slot_id))


@routes.post("/offers", roles=SELLERS, status=201)
async def publish_offer(call: Call, tx: Tx, body: requests.NewOffer) -> answers.OfferMade:
    """Make an offer to creators."""
    offer = await usecases.offers.publish_offer(tx, _actor(call), body.wanted(), _rules(call), call.cause)
    return answers.OfferMade(offer_id=offer.offer_id)


@routes.get("/offers/{offer_id}", roles=SELLERS)
async def see_offer(call: Call, tx: Tx, offer_id: OfferId) -> answers.OfferView:
    """An offer as it is."""
    return answers.OfferView.model_validate(await usecases.offers.see_offer(tx, _actor(call), offer_id))


@routes.post("/offers/{offer_id}/terms", roles=SELLERS, once=True)
async def change_terms(call: Call, tx: Tx, offer_id: OfferId, body: requests.AnyChangedTerms) -> answers.TermsAnnounced:
    """Announce new terms: at once if they are no worse for the creator, else after the offer's notice."""
    if isinstance(body, requests.ChangedTerms):
        wanted = NewTerms(offer_id, body.terms.terms(), body.hold)
    else:
        wanted = NewTerms(offer_id, body.terms())
    offer = await usecases.offers.change_terms(tx, _actor(call), wanted, _rules(call), call.cause)
    said = offer.announced
    return answers.TermsAnnounced(offer_id=offer.offer_id, version=said.version, effective_from=said.effective_from)


@routes.post("/offers/{offer_id}/end", roles=SELLERS)
async def end_offer(call: Call, tx: Tx, offer_id: OfferId) -> answers.OfferView:
    """End an offer: it can't be adopted any more, and its listings can't be ordered."""
    return answers.OfferView.model_validate(await usecases.offers.end_offer(tx, _actor(call), offer_id, call.cause))
