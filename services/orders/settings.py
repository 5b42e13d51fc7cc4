"""What orders is told from outside."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from services.orders.domain.agreement import Rules
from services.orders.domain.risk import Policy
from services.orders.domain.touch import Keys, parse_keys
from shared.contracts.values import Currency, Money, Ppm, VariantId
from shared.kernel.group_commit import Limits
from shared.kernel.settings import Port, ServiceSettings

Seconds = Annotated[float, Field(gt=0)]
TOUCH_KEYS = "touch_keys"


class Settings(ServiceSettings):
    """Every period is in seconds, so that a demo can live through a week in a minute."""

    service: ClassVar[str] = "orders"

    port: Port = 8103  # where its API listens
    psp_url: str = "http://127.0.0.1:8111"  # where a buyer's browser reaches the payment provider
    pay_url_key: str = Field("", repr=False)  # shared with the payment provider: signs `pay_url`

    # minor units below which COD needs no code: CNY 200.00
    cod_auto_confirm_below: Annotated[int, Field(ge=0)] = 20_000
    cod_auto_confirm_currency: Currency = "CNY"  # of that amount
    cod_confirm_seconds: Seconds = 86_400  # how long an order waits for its code, then it expires
    cod_code_tries: Annotated[int, Field(ge=1)] = 5  # codes a buyer may try, then not even the right one is taken
    cod_risk: bool = True  # false: the amount alone decides
    # ppm: chance of a refusal from which a code is asked; below a quarter a code costs more buyers than parcels
    cod_risk_code_from: Ppm = 250_000
    cod_risk_prepaid_from: Ppm = 500_000  # ppm: chance from which cash is refused: more come back than are paid for
    cod_risk_min_parcels: Annotated[int, Field(ge=1)] = 3  # refused by the buyer, before cash is refused to them
    cod_risk_usual: Ppm = 50_000  # ppm: the chance with buyers and regions that nothing is known of
    cod_risk_region_weight: Annotated[int, Field(ge=1, le=1_000_000)] = 100  # parcels that what is usual is worth
    cod_risk_buyer_weight: Annotated[int, Field(ge=1, le=1_000_000)] = 2  # parcels that the region is worth

    prepaid_expire_seconds: Seconds = 7_200  # how long an order waits for its payment, then it expires
    after_sale_seconds: Seconds = 604_800  # from an order's last line on: 7 days, then it is completed
    hold_seconds: Seconds = 604_800  # of shares, from a line's delivery on, where its offer says nothing: 7 days
    psp_fee_bearer: Literal["supplier", "platform"] = "supplier"  # who pays what the payment provider keeps

    refund_approve_seconds: Seconds = 172_800  # a supplier who says nothing for so long has agreed: 48 h
    refund_retry_seconds: Seconds = 60  # between two looks whether the bank's money covers a transfer
    # minor units of a payout; above them it takes a second person
    payout_approval_above: Annotated[int, Field(ge=0)] = 1_000_000

    # of an order: a cart that people fill, and a batch of 100 fits a request
    max_lines: Annotated[int, Field(ge=1, le=500)] = 50
    max_quantity: Annotated[int, Field(ge=1, le=10_000)] = 1_000  # of one line
    hot_variants: str = ""  # ids of variants and slots, space separated, of which a buyer gets only so many
    hot_pieces_per_buyer: Annotated[int, Field(ge=0)] = 0  # pieces of each of these; 0: no limit

    intake_batch: Annotated[int, Field(ge=1, le=1_000)] = 128  # orders in a transaction: more only hold locks longer
    intake_queue: Annotated[int, Field(ge=1)] = 2_048  # orders that wait in a process at most: a second's work, 10 MB
    intake_rate: Annotated[float, Field(ge=0)] = 0  # orders a second that a process takes at most; 0: no cap
    intake_deadline_seconds: Seconds = 3.0  # then the caller is told to ask again with its key

    @property
    def rules(self) -> Rules:
        """What the domain decides an order by."""
        return Rules(
            cod_auto_confirm_below=Money(amount=self.cod_auto_confirm_below, currency=self.cod_auto_confirm_currency),
            cod_confirm_seconds=self.cod_confirm_seconds,
            prepaid_expire_seconds=self.prepaid_expire_seconds,
            max_lines=self.max_lines,
            max_quantity=self.max_quantity,
            hot=frozenset(map(VariantId, self.hot_variants.split())) if self.hot_pieces_per_buyer else frozenset(),
            hot_pieces=self.hot_pieces_per_buyer,
            risk=self.risk if self.cod_risk else None,
            touch_keys=self.touch_keys,
        )

    @property
    def risk(self) -> Policy:
        """How histories of cash on delivery are weighed."""
        return Policy(
            code_from=self.cod_risk_code_from,
            prepaid_from=self.cod_risk_prepaid_from,
            min_refused=self.cod_risk_min_parcels,
            usual=self.cod_risk_usual,
            region_weight=self.cod_risk_region_weight,
            buyer_weight=self.cod_risk_buyer_weight,
        )

    @field_validator("cod_risk_prepaid_from")
    @classmethod
    def _is_not_below_code(cls, prepaid_from: int, info: ValidationInfo) -> int:
        if prepaid_from < info.data.get("cod_risk_code_from", 0):
            raise ValueError("less than WANPU_COD_RISK_CODE_FROM: cash would be refused where no code is asked")
        return prepaid_from

    @property
    def limits(self) -> Limits:
        """What one intake process takes on."""
        return Limits(self.intake_batch, self.intake_queue, self.intake_rate, self.intake_deadline_seconds)

    @property
    def signing_key(self) -> str:
        """The key of `pay_url`. Raises `RuntimeError` when there is none: an empty one would sign for anybody."""
        if not self.pay_url_key:
            raise RuntimeError("WANPU_PAY_URL_KEY is missing: `wanpu keys init` makes the file pay_url_key.")
        return self.pay_url_key

    @property
    def touch_keys(self) -> Keys:
        """The storefront's keys by id; a rotated file counts from the next order on."""
        if not self.secrets_dir:
            return {}
        file = self.secrets_dir / TOUCH_KEYS
        try:
            return _read_keys(file, file.stat().st_mtime_ns)
        except FileNotFoundError:
            return {}


@lru_cache(maxsize=2)
def _read_keys(file: Path, _changed_at: int) -> Keys:
    return parse_keys(file.read_text())
