"""A signed call is believed for five minutes, by either of two keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from shared.kernel import webhooks
from shared.kernel.errors import Rejected

OLD, NEW, FOREIGN = (webhooks.new_key() for _ in range(3))
BODY = '{"kind": "captured", "名": "万铺"}'.encode()


def refused(headers: dict[str, str], body: bytes = BODY, keys: tuple[str, ...] = (OLD, NEW)) -> bool:
    with pytest.raises(Rejected) as refusal:
        webhooks.verify(keys, headers, body)
    with pytest.raises(Rejected) as streamed:
        passed(keys, headers, body)
    return refusal.value.code == streamed.value.code == "signature_invalid"


def passed(keys: Sequence[str], headers: dict[str, str], body: bytes) -> str:
    """The same of a body that comes in pieces."""
    signature = webhooks.Streamed(keys, headers)
    for start in range(0, len(body), 7):
        signature.update(body[start : start + 7])
    return signature.verify()


def test_a_signed_call_gives_its_id() -> None:
    headers = webhooks.sign([OLD], BODY, "msg-1")
    assert webhooks.verify([OLD], headers, BODY) == passed([OLD], headers, BODY) == "msg-1"


def test_both_keys_are_valid_while_one_rotates() -> None:
    for signing in ([OLD], [NEW], [FOREIGN, NEW]):
        for verify in (webhooks.verify, passed):
            verify([OLD, NEW], webhooks.sign(signing, BODY, "m"), BODY)


def test_another_body_or_key_or_id_is_refused() -> None:
    headers = webhooks.sign([OLD], BODY, "m")
    assert refused(headers, BODY + b" ")
    assert refused(webhooks.sign([FOREIGN], BODY, "m"))
    assert refused(headers | {"webhook-id": "n"})
    assert refused(headers, keys=())


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_call_of_another_time_is_refused(minutes: int) -> None:
    assert refused(webhooks.sign([OLD], BODY, "m", datetime.now(UTC) + timedelta(minutes=minutes)))


@pytest.mark.parametrize("signature", ["", "v1", "v1,", "v1,%%", "v2,AAAA", "v1,é", "garbage v1,x,y"])
def test_a_forged_header_is_refused_and_breaks_nothing(signature: str) -> None:
    assert refused(webhooks.sign([OLD], BODY, "m") | {"webhook-signature": signature})


@pytest.mark.parametrize("timestamp", ["", "nan", "inf", "-1", "yesterday", "9" * 40])
def test_a_forged_time_is_refused_and_breaks_nothing(timestamp: str) -> None:
    assert refused(webhooks.sign([OLD], BODY, "m") | {"webhook-timestamp": timestamp})


def test_a_body_that_is_no_text_is_refused() -> None:
    assert refused(webhooks.sign([OLD], BODY, "m"), b"\xff\xfe")
