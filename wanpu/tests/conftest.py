from collections.abc import Iterator

import pytest

from shared.embedded.postgres import Postgres
from shared.embedded.process import free_port


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of this module's own: roles belong to a whole server, not to a database."""
    server = Postgres(tmp_path_factory.mktemp("wanpu") / "postgres", free_port())
    server.start()
    yield server
    server.remove()
