"""All keys and passwords of a deployment, made once: a folder for each process with its own secrets only.

    DIR/operator/signing.key        Ed25519, signs bearer tokens; no service ever sees it
    DIR/operator/auditor_password   of the role that `wanpu reconcile` reads with
    DIR/<service>/<secret>          mode 0400, in the folders of those who share the secret

A file with several lines holds several valid keys, the newest first, so that one can rotate while the other is in use.
"""

import base64
import os
import secrets as random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from wanpu.layout import SANDBOX, SERVICES

OPERATOR = "operator"
SIGNING_KEY = "signing.key"
AUDITOR_PASSWORD = "auditor_password"
FOLDERS = (OPERATOR, *SERVICES, *(f"sandbox-{name}" for name in SANDBOX))
SERVICE_TOKEN = "service_token"
OPERATOR_TOKEN = "operator_token"
TOKEN_SECONDS = 10 * 365 * 86_400  # like the other secrets it lasts until it is rotated: its file removed
KEY_BYTES = 32  # Standard Webhooks asks for 24 to 64; HMAC-SHA256 gains nothing beyond 32
# The kernel looks a signer's keys up as webhook_<signer>; the same file answers to both names.
ALIASES = {f"{name}_webhook_keys": f"webhook_{name}" for name in ("psp", "carrier", "bank")}


def _password() -> str:
    return random.token_urlsafe(24)


def _hmac_key() -> str:
    return base64.urlsafe_b64encode(random.token_bytes(KEY_BYTES)).decode()


def _touch_key() -> str:
    """`<key id>:<secret>`; the id travels in each touch, so that a rotated secret is still found."""
    return f"{random.token_hex(4)}:{_hmac_key()}"


def _webhook_key() -> str:
    return "whsec_" + base64.b64encode(random.token_bytes(KEY_BYTES)).decode()


@dataclass(frozen=True)
class Secret:
    """A file of one name, the same in the folder of every process that shares it."""

    file: str
    make: Callable[[], str]
    folders: tuple[str, ...]


SECRETS = (
    *(Secret("postgres_password", _password, (service,)) for service in SERVICES),
    Secret("postgres_password", _password, (OPERATOR,)),  # the superuser's, where a deployment lets us choose it
    Secret(AUDITOR_PASSWORD, _password, (OPERATOR,)),
    Secret("touch_keys", _touch_key, ("storefront", "orders")),
    Secret("pay_url_key", _hmac_key, ("orders", "sandbox-psp")),
    Secret("psp_webhook_keys", _webhook_key, ("orders", "sandbox-psp")),
    Secret("bank_webhook_keys", _webhook_key, ("orders", "sandbox-bank")),
    Secret("carrier_webhook_keys", _webhook_key, ("logistics", "sandbox-carrier")),
)


@dataclass(frozen=True)
class Token:
    """A file with a bearer token that one process speaks with, in its own name."""

    file: str
    role: Literal["service", "operator"]
    holder: str


TOKENS = (
    Token(SERVICE_TOKEN, "service", "storefront"),  # passes an anonymous buyer's request on to orders
    Token(OPERATOR_TOKEN, "operator", "sandbox-bank"),  # enters what it credits for carriers' statements
)


def init(folder: Path) -> list[Path]:
    """Make what is missing and return those files; what is there is never changed."""
    for name in FOLDERS:
        (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    made = _make_signing_key(folder)
    for token in TOKENS:
        made += _make_token(folder, token)
    for secret in SECRETS:
        made += _share(folder, secret)
    return made


def read(folder: Path, owner: str, file: str) -> str:
    """One secret's text.

    Raises:
        FileNotFoundError: `wanpu keys init` was not run for this folder.
    """
    return (folder / owner / file).read_text().strip()


def passwords(folder: Path) -> dict[str, str]:
    """Database passwords by owner: each service, and `auditor`."""
    own = {service: read(folder, service, "postgres_password") for service in SERVICES}
    return own | {"auditor": read(folder, OPERATOR, AUDITOR_PASSWORD)}


def _make_signing_key(folder: Path) -> list[Path]:
    """The private key if there is none, and its public half for every service that lacks it."""
    made: list[Path] = []
    private = folder / OPERATOR / SIGNING_KEY
    if not private.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        made += _write(private, pem.decode())
    public = load_pem_private_key(private.read_bytes(), None).public_key()
    text = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for owner in FOLDERS:
        if owner != OPERATOR:
            made += _write(folder / owner / "token_public_key", text)
    return made


def _make_token(folder: Path, token: Token) -> list[Path]:
    from shared.kernel.auth import mint

    file = folder / token.holder / token.file
    if file.exists():
        return []
    private = (folder / OPERATOR / SIGNING_KEY).read_text()
    return _write(file, mint(private, token.role, token.holder, TOKEN_SECONDS))


def _share(folder: Path, secret: Secret) -> list[Path]:
    """Give each owner the same value: the one that an owner has already, or a new one."""
    files = [folder / owner / secret.file for owner in secret.folders]
    there = [file for file in files if file.exists()]
    value = there[0].read_text() if there else secret.make() + "\n"
    made = [file for target in files for file in _write(target, value)]
    if alias := ALIASES.get(secret.file):
        for file in files:
            if not file.with_name(alias).exists():
                file.with_name(alias).symlink_to(secret.file)
    return made


def _write(file: Path, text: str) -> list[Path]:
    """Create a file whole or not at all; one that exists stays as it is."""
    if file.exists():
        return []
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o400)
    with os.fdopen(handle, "w") as out:
        out.write(text)
    try:
        os.link(draft, file)  # fails where a rename would overwrite what another process has just made
    except FileExistsError:
        return []
    finally:
        draft.unlink()
    return [file]
