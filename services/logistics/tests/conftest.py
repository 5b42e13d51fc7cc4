"""Logistics behind its real edge, on a real database, with keys of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.logistics import main
from services.logistics.settings import Settings
from services.logistics.tests.bank import Bank
from services.logistics.tests.world import World
from shared.kernel import webhooks
from shared.kernel.testing import MakeDatabase


@pytest.fixture
async def logistics(make_database: MakeDatabase, tmp_path: Path) -> AsyncIterator[World]:
    key = Ed25519PrivateKey.generate()
    pem, raw = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, raw).decode()
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    carrier_key = webhooks.new_key()
    (tmp_path / "webhook_carrier_sandbox").write_text(carrier_key)
    settings = Settings(token_public_key=public, secrets_dir=tmp_path)
    db = await make_database("logistics")
    transport = httpx.ASGITransport(main.build_api(settings, db))
    async with httpx.AsyncClient(transport=transport, base_url="http://logistics") as http:
        yield World(db, http, settings, private, carrier_key)


@pytest.fixture
async def handed_over(logistics: World) -> str:
    """A parcel of CNY 129.00, to be paid at the door, travelling as W-1."""
    shipment_id = await logistics.parcel()
    answer = await logistics.hand_over(shipment_id)
    assert answer.status_code == 200, answer.text
    return shipment_id


@pytest.fixture
async def out_for_delivery(logistics: World, handed_over: str) -> str:
    await logistics.report("scan", 1)
    await logistics.report("out_for_delivery", 2)
    return handed_over


@pytest.fixture
def bank(logistics: World) -> Bank:
    """Carriers' statements, the bank, and operators."""
    return Bank(logistics)
