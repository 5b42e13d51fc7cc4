"""Which processes the platform has, on which ports, and under which names the outside finds them."""

from dataclasses import dataclass

SERVICES = ("catalog", "storefront", "orders", "logistics")
SANDBOX = ("psp", "carrier", "phone", "bank")

POSTGRES_PORT = 5433
KAFKA_PORT = 9092
KAFKA_CONTROLLER_PORT = 9093
API_PORTS = {"catalog": 8101, "storefront": 8102, "orders": 8103, "logistics": 8104}
WORKER_PORTS = {"catalog": 8121, "storefront": 8122, "orders": 8123, "logistics": 8124}  # /health and /metrics only
SANDBOX_PORTS = {"psp": 8111, "carrier": 8112, "phone": 8113, "bank": 8114}
DATABASE = "wanpu"
AUDITOR = "wanpu_auditor"


def role_of(service: str) -> str:
    """The database role of a service, which owns the schema of the service's name and sees no other."""
    return f"wanpu_{service}"


@dataclass(frozen=True)
class Ports:
    """Every port of one stack: the fixed numbers, moved together by an offset."""

    offset: int = 0

    @property
    def postgres(self) -> int:
        return POSTGRES_PORT + self.offset

    @property
    def kafka(self) -> int:
        return KAFKA_PORT + self.offset

    @property
    def kafka_controller(self) -> int:
        return KAFKA_CONTROLLER_PORT + self.offset

    def api(self, service: str) -> int:
        return API_PORTS[service] + self.offset

    def worker(self, service: str) -> int:
        return WORKER_PORTS[service] + self.offset

    def sandbox(self, name: str) -> int:
        return SANDBOX_PORTS[name] + self.offset

    def urls(self) -> dict[str, str]:
        """`WANPU_ORDERS_URL` … `WANPU_PHONE_URL`: where each service and outside party answers."""
        ports = {name: self.api(name) for name in SERVICES} | {name: self.sandbox(name) for name in SANDBOX}
        return {f"WANPU_{name.upper()}_URL": f"http://127.0.0.1:{port}" for name, port in ports.items()}
