"""Which of the things that can happen happens next."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.orders.domain.split import PLATFORM
from services.orders.tests.books import CNY
from services.orders.tests.histories import giving, laws
from services.orders.tests.histories.facts import FACTS, UNDELIVERED, tell
from services.orders.tests.histories.world import Asked, Bought, Part, Sold, World
from shared.contracts.values import Bearer, CommissionTerms, Floor, LineId, Money, Terms, VariantId, WholesaleTerms

T = TypeVar("T")
Step = Callable[[], None]

BEARERS: tuple[Bearer, ...] = ("supplier", "creator", "platform", "carrier")
PRICES = (5_000, 1, 99, 333, 12_345, 7)
RATES = ((150_000, 20_000, 10_000), (333_333, 0, 0), (80_000, 1, 55_555), (0, 300_000, 1))
MOST_ORDERS = 3
assert giving.payout_asked.__name__ in FACTS, "its facts are told by name"


@dataclass
class Dice:
    """Bytes that choose; when they are used up every choice is the first, and the history is over."""

    left: Iterator[int]
    over: bool = False

    def pick(self, among: Sequence[T]) -> T:
        return among[self.number(len(among))]

    def number(self, below: int) -> int:
        byte = next(self.left, None)
        self.over = byte is None
        return (byte or 0) % below


@dataclass
class Player:
    """A history in the making."""

    world: World
    dice: Dice
    count: int = 0

    def name(self, what: str) -> str:
        self.count += 1
        return f"{what} {self.count}"

    def next_step(self) -> None:
        """One thing happens, of the kind drawn or the next one that can."""
        first = self.dice.number(len(KINDS))
        steps = next(steps for kind in (*KINDS[first:], *KINDS[:first]) if (steps := list(kind(self))))
        if not self.dice.over:
            self.dice.pick(steps)()

    def tell(self, name: str, *args: object) -> Step:
        return lambda: tell(self.world, name, *args)


# What can happen ----------------------------------------------------------------------------------------------------


def _place(player: Player) -> Iterator[Step]:
    if len(player.world.orders) >= MOST_ORDERS:
        return
    dice = player.dice
    number = len(player.world.orders)
    order_id = f"order {number}"
    referrer = dice.pick((None, "referrer"))
    suppliers = 1 + dice.number(3)
    sold = tuple(_sold(dice, f"supplier {1 + i}", f"variant {number} {i}") for i in range(suppliers))
    if dice.number(3) == 2:  # two lines in one parcel
        sold = (*sold, _sold(dice, "supplier 1", f"variant {number} more"))
    yield player.tell("placed", order_id, dice.pick(("cod", "prepaid")), "creator", referrer, sold)


def _sold(dice: Dice, supplier: str, variant: str) -> Sold:
    price, qty = dice.pick(PRICES), dice.pick((1, 3, 2, 12))
    return Sold(supplier, variant, _terms(dice, price, VariantId(variant)), price, qty)


def _terms(dice: Dice, price: int, variant: VariantId) -> Terms:
    creator, referrer, platform = dice.pick(RATES)
    if dice.number(3) == 2 and price > 10:
        floor = Floor(variant_id=variant, price=Money(amount=price * 7 // 10, currency=CNY))
        return WholesaleTerms(kind="wholesale", floors=(floor,), platform_ppm=platform)
    return CommissionTerms(kind="commission", creator_ppm=creator, referrer_ppm=referrer, platform_ppm=platform)


def _pay(player: Player) -> Iterator[Step]:
    for bought in _prepaid(player):
        assert bought.payment
        due, name = bought.payment.due, player.name("capture")
        if bought.settling.captured < 3 * due:
            yield player.tell("captured", name, bought.order_id, due, CNY)
            yield player.tell("captured", name, bought.order_id, max(1, due - 1), CNY)
            yield player.tell("captured", name, bought.order_id, due, "USD")
        if bought.order.state == "PLACED":
            yield player.tell("expired", bought.order_id)


def _settle(player: Player) -> Iterator[Step]:
    for bought in _prepaid(player):
        took, name = bought.settling, player.name("settlement")
        bearer = player.dice.pick(("supplier", "platform"))
        if (gross := took.captured - took.settled) > 0:
            fee = gross * 6 // 1_000
            yield player.tell("settled", name, bought.order_id, gross, fee, bearer)
            if gross > 1:
                yield player.tell("settled", name, bought.order_id, gross // 2, 0, bearer)
        if (kept := took.settled - took.captured + took.refunded - took.kept) > 0:  # what it had paid over too much
            yield player.tell("settled", name, bought.order_id, -kept, 0, bearer)


def _prepaid(player: Player) -> Iterator[Bought]:
    return (bought for bought in player.world.orders.values() if bought.payment)


def _move(player: Player) -> Iterator[Step]:
    for _, part in player.world.parts():
        if part.state == "CONFIRMED":
            name = player.name("report")
            yield player.tell("delivered", name, part.part_id)
            yield player.tell("delivered", name, part.part_id)
            yield player.tell("undelivered", name, part.part_id, "LOST", 0, "supplier")
            yield player.tell("undelivered", name, part.part_id, "CANCELLED", 0, "supplier")
            yield player.tell("undelivered", name, part.part_id, "RETURNED", 80, player.dice.pick(BEARERS))


def _collect(player: Player) -> Iterator[Step]:
    for _, part in _cod(player):
        if part.taken == 0:
            name = player.name("collection")
            for amount in (part.due, part.due - part.due // 3, part.due + 50):
                yield player.tell("collected", name, part.part_id, amount)
        elif part.taken == part.due:
            yield player.tell("collected", player.name("collection"), part.part_id, 1 + part.due // 10)


def _remit(player: Player) -> Iterator[Step]:
    for _, part in _cod(player):
        if part.with_carrier > 0:
            name, gross = player.name("row"), part.with_carrier
            bearer = player.dice.pick(BEARERS)
            for row in (gross, max(1, gross - 30), gross + 20):
                yield player.tell("remitted", name, part.part_id, row, row * 12 // 1_000, bearer)


def _bank(player: Player) -> Iterator[Step]:
    for _, part in _cod(player):
        for row_id, row in part.rows.items():
            name = player.name("credit")
            yield player.tell("unbanked" if row.banked else "banked", name, part.part_id, row_id)
        if part.owed_to_carrier > 0 and not part.on_the_way:  # out of what it remits, when that has come
            yield player.tell("charge_kept", player.name("charge"), part.part_id, part.owed_to_carrier)


def _decide(player: Player) -> Iterator[Step]:
    for _, part in _cod(player):
        bearer, name = player.dice.pick(BEARERS), player.name("decision")
        missing = part.due - (part.collected or 0) - part.decided
        if part.state == "DELIVERED" and part.collected is not None and missing > 0:
            yield player.tell("short_decided", name, part.part_id, missing, bearer)
        if part.state == "DELIVERED" and missing < 0:
            yield player.tell("over_decided", name, part.part_id, min(-missing, part.collected or 0))
        if part.rows and part.with_carrier > 0 and part.collected:
            yield player.tell("remitted_short_decided", name, part.part_id, part.with_carrier, bearer)
        if part.with_carrier < 0:
            whose = player.dice.pick(("buyer", "carrier"))
            yield player.tell("remitted_over_decided", name, part.part_id, -part.with_carrier, whose)


def _cod(player: Player) -> Iterator[tuple[Bought, Part]]:
    return ((bought, part) for bought, part in player.world.parts() if not bought.order.prepaid)


def _wait(player: Player) -> Iterator[Step]:
    for order_id in player.world.orders:
        yield player.tell("hold_over", player.name("timer"), order_id)


def _ask_back(player: Player) -> Iterator[Step]:
    for bought in player.world.orders.values():
        for part in bought.parts:
            paid = bought.order.prepaid or part.collected is not None
            if part.state == "DELIVERED" and paid:
                yield _refund(player, bought, part)


def _refund(player: Player, bought: Bought, part: Part) -> Step:
    line = bought.lines[player.dice.pick(part.line_ids)]
    qty = 1 + player.dice.number(line.qty)
    amount = player.dice.pick((1, None, 2, line.amount // 3, 1, line.amount + 1))
    name, wallet = player.name("refund"), player.dice.number(2) == 1
    return player.tell("refund_asked", name, bought.order_id, ((line.line_id, qty, amount),), wallet)


def _nibble(player: Player) -> Iterator[Step]:
    """A line of many pieces goes back cent by cent."""
    for bought in player.world.orders.values():
        for part in bought.parts:
            line = bought.lines[part.line_ids[0]]
            if part.state == "DELIVERED" and line.qty > 6 and (bought.order.prepaid or part.collected):
                times = 1 + player.dice.number(6)
                yield lambda bought=bought, line=line, times=times: _bite(player, bought, line.line_id, times)  # type: ignore[misc]


def _bite(player: Player, bought: Bought, line_id: LineId, times: int) -> None:
    for _ in range(times):
        name = player.name("refund")
        player.tell("refund_asked", name, bought.order_id, ((line_id, 1, 1),), False)()
        player.tell("refund_answered", name, True)()


def _answer(player: Player) -> Iterator[Step]:
    for refund in player.world.refunds.values():
        if refund.state == "REQUESTED":
            yield player.tell("refund_answered", refund.refund_id, True)
            yield player.tell("refund_answered", refund.refund_id, False)


def _give_back(player: Player) -> Iterator[Step]:
    yield player.tell("waiting_refunds_looked_at", player.name("timer"))
    for refund in player.world.refunds.values():
        yield from _sent(player, refund)


def _sent(player: Player, refund: Asked) -> Iterator[Step]:
    name = player.name("bank")
    if refund.state == "SUBMITTED" and refund.route == "card":
        yield player.tell("refund_by_card", name, refund.refund_id)
    elif refund.state == "SUBMITTED":
        for kind in ("paid", "failed"):
            yield player.tell("refund_by_bank", name, refund.refund_id, kind)
    elif refund.state == "REFUNDED" and refund.route == "transfer":
        yield player.tell("refund_by_bank", name, refund.refund_id, "returned")
    elif refund.state == "FAILED":
        yield player.tell("refund_sent_again", refund.refund_id)


def _pay_out(player: Player) -> Iterator[Step]:
    payable = [(p, amount) for p, amount in player.world.books.parties("payable:available") if amount > 0]
    for party, amount in payable:
        if party != PLATFORM:
            name = player.name("payout")
            for asked in (amount, amount // 2 or 1, amount + 1):
                yield player.tell("payout_asked", name, party, asked)


def _bank_says(player: Player) -> Iterator[Step]:
    for payout_id, payout in player.world.payouts.items():
        name = player.name("bank")
        if payout.state == "SUBMITTED":
            for kind in ("paid", "failed", "returned"):
                yield player.tell("payout_by_bank", name, payout_id, kind)
        if payout.state == "PAID":
            yield player.tell("payout_by_bank", name, payout_id, "returned")


def _again(player: Player) -> Iterator[Step]:
    """Something that was told before is told again."""
    if not player.world.told:
        return
    name, args = player.dice.pick(player.world.told)
    yield lambda: tell_again(player.world, name, args)


def tell_again(world: World, name: str, args: Iterable[object]) -> None:
    """It changes nothing in the books."""
    before = dict(world.books.totals), dict(world.books.of_party)
    tell(world, name, *args)
    if name not in ("waiting_refunds_looked_at", "refund_sent_again", "hold_over", "expired"):
        assert (dict(world.books.totals), dict(world.books.of_party)) == before, f"{name} told twice counted twice"


def _go_well(player: Player) -> Iterator[Step]:
    """The next step of an order on which nothing goes wrong."""
    for bought in player.world.orders.values():
        yield next(_order_ends(player, bought))


KINDS: tuple[Callable[[Player], Iterator[Step]], ...] = (
    *(_pay, _move, _collect, _remit, _bank, _settle, _decide, _wait, _pay_out),
    *(
        _go_well,
        _go_well,
        _pay_out,
        _bank_says,
        _again,
        _ask_back,
        _go_well,
        _nibble,
        _answer,
        _go_well,
        _give_back,
        _place,
    ),
)


# A whole history ----------------------------------------------------------------------------------------------------


def play(history: bytes) -> World:
    """Let it happen, with every law checked after every step; then let everything come to its end."""
    world = World()
    for _ in steps(world, history):
        laws.check(world)
    laws.check_closed(world)
    return world


def steps(world: World, history: bytes) -> Iterator[None]:
    """One step at a time: the history itself, then its good end."""
    player = Player(world, Dice(iter(history)))
    next(_place(player))()
    while not player.dice.over:
        player.next_step()
        yield
    yield from _wind_up(player)


def _wind_up(player: Player) -> Iterator[None]:
    """Whatever is open ends well, in a few rounds; what parties owe nets against what they earn next."""
    _earn_more(player)
    for _ in range(6):
        for each in _endings(player):
            each()
            yield


def _earn_more(player: Player) -> None:
    """One order more, so large that the bank can pay all that is due."""
    order_id, rates = (
        "the last order",
        CommissionTerms(kind="commission", creator_ppm=300_000, referrer_ppm=300_000, platform_ppm=0),
    )
    sold = tuple(Sold(f"supplier {i}", f"last {i}", rates, 10_000_000, 1) for i in (1, 2, 3))
    tell(player.world, "placed", order_id, "prepaid", "creator", "referrer", sold)
    tell(player.world, "captured", player.name("capture"), order_id, 30_000_000, CNY)


def _endings(player: Player) -> Iterator[Step]:
    world = player.world
    for bought in list(world.orders.values()):
        yield from _order_ends(player, bought)
    for refund in list(world.refunds.values()):
        if refund.state == "REQUESTED":
            yield player.tell("refund_answered", refund.refund_id, True)
    yield player.tell("waiting_refunds_looked_at", player.name("timer"))
    for refund in list(world.refunds.values()):
        if refund.state in ("SUBMITTED", "FAILED"):
            yield next(_sent(player, refund))
    for payout_id, payout in list(world.payouts.items()):
        if payout.state == "SUBMITTED":
            yield player.tell("payout_by_bank", player.name("bank"), payout_id, "paid")


def _order_ends(player: Player, bought: Bought) -> Iterator[Step]:
    if bought.order.state == "PLACED":
        yield player.tell("expired", bought.order_id)
    for part in bought.parts:
        if part.state == "CONFIRMED":
            yield player.tell("delivered", player.name("report"), part.part_id)
        if not bought.order.prepaid:
            yield from _cash_ends(player, part)
        if part.owed_to_carrier > 0:
            yield player.tell("charge_kept", player.name("charge"), part.part_id, part.owed_to_carrier)
    if bought.payment:
        yield from _settled_up(player, bought)
    yield player.tell("hold_over", player.name("timer"), bought.order_id)


def _settled_up(player: Player, bought: Bought) -> Iterator[Step]:
    took = bought.settling
    if took.captured > took.settled:
        gross = took.captured - took.settled
        yield player.tell("settled", player.name("settlement"), bought.order_id, gross, 0, "supplier")
    if took.refunded > took.kept:
        kept = took.kept - took.refunded
        yield player.tell("settled", player.name("settlement"), bought.order_id, kept, 0, "supplier")


def _cash_ends(player: Player, part: Part) -> Iterator[Step]:
    if part.taken == 0 and part.state not in UNDELIVERED:
        yield player.tell("collected", player.name("collection"), part.part_id, part.due)
    if part.state == "DELIVERED" and (missing := part.due - (part.collected or 0) - part.decided) > 0:
        yield player.tell("short_decided", player.name("decision"), part.part_id, missing, "supplier")
    if part.state == "DELIVERED" and missing < 0:
        over = min(-missing, part.collected or 0)
        yield player.tell("over_decided", player.name("decision"), part.part_id, over)
    if part.with_carrier > 0:
        yield player.tell("remitted", player.name("row"), part.part_id, part.with_carrier, 0, "supplier")
    if part.with_carrier < 0:
        back = -part.with_carrier
        yield player.tell("remitted_over_decided", player.name("decision"), part.part_id, back, "carrier")
    for row_id, row in list(part.rows.items()):
        if not row.banked:
            yield player.tell("banked", player.name("credit"), part.part_id, row_id)
