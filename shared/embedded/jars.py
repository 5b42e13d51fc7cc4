"""Kafka's jars, fetched once into the user's cache: exactly those of `kafka.lock`, each checked against its SHA-256.

`kafka.lock` is what the coordinates below resolve to, written by `python -m shared.embedded.jars`. Kafka and its
logging are resolved apart, because log4j's own dependency management would replace Kafka's client by an older one.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.embedded.process import Progress, StackError, make_folder, remedy

KAFKA_VERSION = "4.3.1"
LOG4J_VERSION = "2.25.4"  # the version of log4j-core that Kafka 4.3.1 itself asks for
LOCK = Path(__file__).with_name("kafka.lock")
DOWNLOADS_AT_ONCE = 8  # a registry answers in tens of milliseconds; more gains nothing
ATTEMPTS = 3  # a broken download is tried again; a missing network is not worth more
REPORT_SECONDS = 1.0


@dataclass(frozen=True)
class Jar:
    """A Maven artifact and the digest of its bytes."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}.jar"


def locked_jars() -> list[Jar]:
    """The jars of `kafka.lock`, a line each: `group:artifact:version sha256`."""
    jars = []
    for line in LOCK.read_text().splitlines():
        coordinate, sha256 = line.split()
        group, name, version = coordinate.split(":")
        jars.append(Jar(group, name, version, sha256))
    return jars


def cache_folder() -> Path:
    """Shared by every stack and test run of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "wanpu" / f"kafka-{KAFKA_VERSION}"


def kafka_jars(progress: Progress = print) -> Path:
    """The folder of Kafka's jars; fetches them if they aren't all there. Two processes fetch once.

    Raises:
        StackError: no network, no disk space, or a jar that is not the one in the lock.
    """
    cache = make_folder(cache_folder())
    folder = cache / f"jars-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
    if _is_whole(folder):
        return folder
    with _only_one(cache / "fetch.lock", progress):
        if not _is_whole(folder):
            _fetch(folder, progress)
    return folder


def _is_whole(folder: Path) -> bool:
    """Whether the fetch ended; a file deleted by hand since then counts as not."""
    return folder.exists() and all((folder / jar.file).exists() for jar in locked_jars())


@contextlib.contextmanager
def _only_one(lock: Path, progress: Progress) -> Iterator[None]:
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another process that is fetching Kafka")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path, progress: Progress) -> None:
    """All jars into a draft, renamed when whole."""
    draft = folder.with_name("half-made")
    shutil.rmtree(draft, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        draft.mkdir()
        _download_all(locked_jars(), draft, progress)
        draft.rename(folder)
    except OSError as error:
        raise StackError(f"Kafka could not be stored in {folder.parent} ({error.strerror}): {remedy(error)}") from error


def _download_all(jars: list[Jar], draft: Path, progress: Progress) -> None:
    context = _maven()
    began = reported = time.monotonic()
    progress(f"fetching Apache Kafka {KAFKA_VERSION}: {len(jars)} files, once, into {draft.parent}")
    with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
        downloads = [pool.submit(_download, context, jar, draft) for jar in jars]
        for done, download in enumerate(as_completed(downloads), 1):
            if download.exception():
                pool.shutdown(wait=False, cancel_futures=True)
            download.result()
            if time.monotonic() - reported >= REPORT_SECONDS or done == len(jars):
                reported = time.monotonic()
                progress(f"fetching Apache Kafka: {done} of {len(jars)} files, {reported - began:.0f} s")


def _download(context: Any, jar: Jar, draft: Path) -> None:
    """One jar by way of the user's Maven cache; a truncated file found there is fetched again."""
    artifact = context.project(jar.group, jar.name).at_version(jar.version).artifact()
    for attempt in range(1, ATTEMPTS + 1):
        path = _resolve(artifact, jar, last=attempt == ATTEMPTS)
        if path is None:
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() == jar.sha256:
            shutil.copyfile(path, draft / jar.file)
            return
        path.unlink()
    raise StackError(
        f"{jar.file} was fetched {ATTEMPTS} times and is not the file that {LOCK.name} names: "
        "look at the Maven mirror that this machine uses"
    )


def _resolve(artifact: Any, jar: Jar, *, last: bool) -> Path | None:
    """The artifact's file in the Maven cache; None when the download broke and another attempt is left."""
    import requests

    try:
        return Path(artifact.resolve())
    except (requests.RequestException, RuntimeError, AssertionError) as error:
        if last:
            reason = type(error).__name__ if isinstance(error, requests.RequestException) else "not found there"
            raise StackError(
                f"{jar.file} could not be fetched from the Maven registry ({reason}): check the network and its proxy, "
                "then run this again (what was fetched is kept), or `wanpu up` with WANPU_KAFKA_BOOTSTRAP naming "
                "a Kafka of yours"
            ) from error
        return None


def _maven() -> Any:
    """jgo's client with the user's own cache folder and mirrors, if jgo is told of any."""
    try:
        from jgo.config import GlobalSettings
        from jgo.maven import MavenContext
    except ImportError as error:
        raise StackError("the Maven client is not installed: run `make up`, or pip install jgo") from error
    settings = GlobalSettings.load()
    context = MavenContext(repo_cache=settings.repo_cache, timeout=30)
    context.remote_repos = {**settings.repositories, **context.remote_repos}
    return context


def write_lock() -> None:
    """Resolve the coordinates again and write what they come to into `kafka.lock`."""
    import jgo

    kafka = {(a.groupId, a.artifactId): a for a in jgo.resolve(f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}")}
    tools = jgo.resolve(f"org.apache.kafka:kafka-tools:{KAFKA_VERSION}")
    tools = [a for a in tools if a.artifactId == "kafka-tools"]  # the tools alone: Kafka Connect is never run here
    logging = jgo.resolve(f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J_VERSION}")
    for artifact in [*tools, *logging]:
        kafka.setdefault((artifact.groupId, artifact.artifactId), artifact)
    lines = []
    for (group, name), artifact in sorted(kafka.items()):
        digest = hashlib.sha256(Path(artifact.resolve()).read_bytes()).hexdigest()
        lines.append(f"{group}:{name}:{artifact.version} {digest}\n")
    LOCK.write_text("".join(lines))


if __name__ == "__main__":
    write_lock()
