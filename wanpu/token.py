"""Bearer tokens, minted with the operator's signing key."""

from pathlib import Path
from typing import cast

from shared.embedded.process import StackError
from wanpu.keys import OPERATOR, SIGNING_KEY

DAY_SECONDS = 86_400


def mint_token(keys: Path, role: str, party: str, *, ttl_seconds: int = DAY_SECONDS, loadtest: bool = False) -> str:
    """A JWT for `party` in `role`.

    Raises:
        StackError: no keys in this folder, or no such role.
    """
    from shared.kernel.auth import ROLES, Role, mint

    if role not in ROLES:
        raise StackError(f"there is no role {role!r}: choose one of {', '.join(sorted(ROLES))}")
    try:
        private = (keys / OPERATOR / SIGNING_KEY).read_text()
    except OSError as error:
        raise StackError(
            f"no signing key in {keys} ({error.strerror}): start the stack once, or run `wanpu keys init --dir {keys}`"
        ) from error
    return mint(private, cast(Role, role), party, ttl_seconds, loadtest=loadtest)
