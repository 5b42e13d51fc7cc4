"""One stack for all journeys, with periods in seconds; the parcels and payments go the way each test says."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.journey import town as towns
from tests.journey.town import Town
from wanpu.demo.client import Platform
from wanpu.demo.place import by_name, free_offset
from wanpu.local.stack import Stack

PERIODS = {
    "WANPU_PREPAID_EXPIRE_SECONDS": "8",  # lived through by the test of expiry; the others pay at once
    "WANPU_AFTER_SALE_SECONDS": "2",
    "WANPU_SANDBOX_PACE": "0.05",
}


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything, as processes."""
    given = Stack(tmp_path_factory.mktemp("journey"), free_offset(), env=PERIODS, quiet_sandbox=True)
    given.start()
    yield given
    given.stop()
    given.remove()


@pytest.fixture(scope="session")
async def platform(stack: Stack) -> AsyncIterator[Platform]:
    async with Platform(by_name(stack.urls), stack.secrets) as reached:
        yield reached


@pytest.fixture(scope="session")
async def town(platform: Platform) -> Town:
    return await towns.build(platform)
