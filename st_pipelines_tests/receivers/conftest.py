"""One receiver for all tests of a file that do not need one of their own; each test begins with an empty inbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from st_pipelines.database.engine import transaction
from st_pipelines.inbox.pending import settle
from st_pipelines_tests.receivers.receiver import Receiver, running_receiver


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    home: Path = tmp_path_factory.mktemp("receiver")
    with running_receiver(home, "--header-s", "1", "--request-s", "2") as running:
        yield running


@pytest.fixture
def receiver(shared: Receiver) -> Receiver:
    """The rows are settled first: the inbox itself refuses to forget what was not handled."""
    settle(shared.engine, [row.n for row in shared.rows()], state="done")
    with transaction(shared.engine) as connection:
        connection.exec_driver_sql("DELETE FROM inbox_event")
    return shared
