"""Keys are made once, shared by those who share them, and by nobody else."""

from pathlib import Path

from shared.kernel.auth import Verifier
from shared.kernel.webhooks import sign, verify
from wanpu import keys
from wanpu.token import mint_token


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_a_second_init_changes_nothing(tmp_path: Path) -> None:
    assert keys.init(tmp_path)
    before = contents(tmp_path)
    assert keys.init(tmp_path) == []
    assert contents(tmp_path) == before


def test_every_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    for file in keys.init(tmp_path):
        assert file.stat().st_mode & 0o777 == 0o400, file
        assert file.parent.stat().st_mode & 0o777 == 0o700, file


def test_a_shared_secret_is_the_same_for_those_who_share_it_and_unknown_to_the_rest(tmp_path: Path) -> None:
    keys.init(tmp_path)
    holders = {folder.name for folder in tmp_path.iterdir() if (folder / "psp_webhook_keys").exists()}
    assert holders == {"orders", "sandbox-psp"}
    assert len({keys.read(tmp_path, holder, "psp_webhook_keys") for holder in holders}) == 1
    assert len(set(keys.passwords(tmp_path).values())) == 5


def test_a_lost_half_of_a_shared_secret_is_restored_from_the_other(tmp_path: Path) -> None:
    keys.init(tmp_path)
    (tmp_path / "storefront" / "touch_keys").unlink()
    assert keys.init(tmp_path) == [tmp_path / "storefront" / "touch_keys"]
    assert keys.read(tmp_path, "storefront", "touch_keys") == keys.read(tmp_path, "orders", "touch_keys")


def test_only_the_operator_holds_the_signing_key(tmp_path: Path) -> None:
    keys.init(tmp_path)
    assert [file.parent.name for file in tmp_path.rglob(keys.SIGNING_KEY)] == ["operator"]


def test_a_minted_token_is_known_to_every_service(tmp_path: Path) -> None:
    keys.init(tmp_path)
    token = mint_token(tmp_path, "buyer", "b-1", loadtest=True)
    claims = Verifier(keys.read(tmp_path, "logistics", "token_public_key")).verify(token)
    assert (claims.role, claims.party, claims.loadtest) == ("buyer", "b-1", True)


def test_the_storefront_alone_may_speak_for_anonymous_buyers(tmp_path: Path) -> None:
    keys.init(tmp_path)
    assert [file.parent.name for file in tmp_path.rglob(keys.SERVICE_TOKEN)] == ["storefront"]
    claims = Verifier(keys.read(tmp_path, "orders", "token_public_key")).verify(
        keys.read(tmp_path, "storefront", keys.SERVICE_TOKEN)
    )
    assert (claims.role, claims.party) == ("service", "storefront")


def test_the_sandboxs_bank_alone_has_an_operators_token(tmp_path: Path) -> None:
    keys.init(tmp_path)
    assert [file.parent.name for file in tmp_path.rglob(keys.OPERATOR_TOKEN)] == ["sandbox-bank"]
    claims = Verifier(keys.read(tmp_path, "logistics", "token_public_key")).verify(
        keys.read(tmp_path, "sandbox-bank", keys.OPERATOR_TOKEN)
    )
    assert (claims.role, claims.party) == ("operator", "sandbox-bank")


def test_a_deployment_from_before_the_bank_shares_the_key_that_orders_has(tmp_path: Path) -> None:
    keys.init(tmp_path)
    before = keys.read(tmp_path, "orders", "bank_webhook_keys")
    for file in (tmp_path / "sandbox-bank").iterdir():
        file.unlink()
    keys.init(tmp_path)
    assert keys.read(tmp_path, "sandbox-bank", "webhook_bank") == before


def test_a_webhook_signed_by_the_sandbox_is_known_to_its_receiver(tmp_path: Path) -> None:
    keys.init(tmp_path)
    for sandbox, receiver, signer in (
        *(("sandbox-carrier", "logistics", "carrier"), ("sandbox-psp", "orders", "psp")),
        ("sandbox-bank", "orders", "bank"),
    ):
        headers = sign([keys.read(tmp_path, sandbox, f"{signer}_webhook_keys")], b"{}", "r-1")
        assert verify([keys.read(tmp_path, receiver, f"webhook_{signer}")], headers, b"{}") == "r-1"
