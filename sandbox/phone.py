"""The buyers' phones: one-time codes arrive here, read from the restricted topic as its reader `notifier`.

`python -m sandbox.phone --name sandbox-phone`. In memory: a restart reads the topic from its beginning.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.process import Party, run
from sandbox.settings import Settings
from sandbox.topics import Following
from shared.contracts.event import Event
from shared.contracts.orders import PERSONAL, ConfirmationCodeIssued

MESSAGES = 100  # a phone forgets what came before its last hundred


class Phones:
    """What has come in, by buyer; an order's newest code stands for the order."""

    def __init__(self) -> None:
        self._messages: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)

    def hear(self, event: Event, headers: Mapping[str, str]) -> None:
        """A code arrives."""
        assert isinstance(event, ConfirmationCodeIssued)
        phone = self._messages[event.buyer_ref]
        phone.pop(event.order_id, None)
        phone[event.order_id] = {
            "order_id": event.order_id,
            "order_no": event.order_no,
            "code": event.code,
            "at": headers.get("ce_time"),
        }
        while len(phone) > MESSAGES:
            del phone[next(iter(phone))]

    def messages(self, buyer_ref: str) -> list[dict[str, Any]]:
        """Newest last."""
        return list(self._messages[buyer_ref].values()) if buyer_ref in self._messages else []


def build(settings: Settings) -> Party:
    """The phones as a party."""
    phones = Phones()
    caught_up = asyncio.Event()
    following = Following(settings.kafka_bootstrap, [PERSONAL], [ConfirmationCodeIssued], phones.hear, caught_up)

    async def messages(request: Request) -> Response:
        return JSONResponse(phones.messages(request.path_params["buyer_ref"]))

    return Party(
        [Route("/phones/{buyer_ref}/messages", messages, methods=["GET"])],
        background=following.run,
        is_ready=caught_up.is_set,
    )


if __name__ == "__main__":
    run(build)
