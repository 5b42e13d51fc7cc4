"""`wanpu logs`: the last lines of one log or of all, and then what is added."""

import time
from pathlib import Path

from shared.embedded.process import StackError

FOLLOW_SECONDS = 0.2


def show(folder: Path, name: str | None, *, lines: int, follow: bool) -> None:
    """Print the ends of the logs; with several, each line bears its process's name.

    Raises:
        StackError: there is no such log; the names there are.
    """
    logs = sorted(folder.glob("*.log"))
    chosen = [log for log in logs if name in {None, log.stem}]
    if not chosen:
        names = ", ".join(log.stem for log in logs) or "none yet"
        raise StackError(f"no log of {name or 'any process'} in {folder}; there are: {names}")
    ends = {log: _print_end(log, lines, prefix=len(chosen) > 1) for log in chosen}
    try:
        while follow:
            ends = {log: _print_from(log, end, prefix=len(chosen) > 1) for log, end in ends.items()}
            time.sleep(FOLLOW_SECONDS)
    except KeyboardInterrupt:
        return


def _print_end(log: Path, lines: int, *, prefix: bool) -> int:
    content = log.read_bytes()
    _print(log, content.splitlines()[-lines:], prefix=prefix)
    return len(content)


def _print_from(log: Path, end: int, *, prefix: bool) -> int:
    """Print what was added since `end`; a log that was rotated is read from its start."""
    if log.stat().st_size < end:
        end = 0
    with log.open("rb") as file:
        file.seek(end)
        added = file.read()
    whole = added[: added.rfind(b"\n") + 1]
    _print(log, whole.splitlines(), prefix=prefix)
    return end + len(whole)


def _print(log: Path, lines: list[bytes], *, prefix: bool) -> None:
    for line in lines:
        text = line.decode(errors="replace")
        print(f"{log.stem:<18} {text}" if prefix else text, flush=True)
