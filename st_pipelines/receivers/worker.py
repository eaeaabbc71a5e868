"""One of several workers, started by ``server.py``: ``python -m st_pipelines.receivers.worker LISTENING_SOCKET``.

Reads its options from standard input, says one line when it answers, and ends when standard input closes.
"""

import logging
import socket
import sys

import msgspec
from prometheus_client import CollectorRegistry

from st_pipelines.receivers.options import Options
from st_pipelines.receivers.serving import run_worker
from st_pipelines.systems.http.redact import install as redact_logs


def main() -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    redact_logs()
    with open(0, "rb", buffering=0, closefd=False) as told:
        options = msgspec.json.decode(told.readline(), type=Options)
    listener = socket.socket(fileno=int(sys.argv[1]))

    def answering() -> None:
        sys.stdout.write("answering\n")
        sys.stdout.flush()

    run_worker(options, listener, answering, CollectorRegistry(), until_stdin_closes=True)


if __name__ == "__main__":
    main()
