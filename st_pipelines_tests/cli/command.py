"""Runs the real command as a user or a scheduler would: no terminal, a home of its own.

Calling it starts a process; ``here`` calls the same entry point in this process, for the many small variations.
"""

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

COMMAND = Path(sys.executable).with_name("st-pipelines")


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one document on stdout; fails where there is more or less than one."""
        return json.loads(self.out)


@dataclass(frozen=True)
class CommandLine:
    home: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> Ran:
        done = subprocess.run(
            [str(COMMAND), *arguments], input=stdin, capture_output=True, text=True, timeout=120, check=False,
            cwd=self.home, env=self.environment | environment,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    def here(self, *arguments: str, stdin: str = "", **environment: str) -> Ran:
        """The entry point itself with the same environment, streams and working directory."""
        from st_pipelines.cli.app import main

        out, err = io.StringIO(), io.StringIO()
        given = io.TextIOWrapper(io.BytesIO(stdin.encode("utf-8", "surrogateescape")), encoding="utf-8")
        with (
            mock.patch.dict(os.environ, self.environment | environment, clear=True), mock.patch("sys.stdin", given),
            contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), contextlib.chdir(self.home),
        ):  # fmt: skip
            try:
                main(list(arguments))
            except SystemExit as left:
                return Ran(int(left.code or 0), out.getvalue(), err.getvalue())
        raise AssertionError("main always leaves by SystemExit")


def command_line(home: Path, mappings: Sequence[Path] = ()) -> CommandLine:
    """An installation of its own under ``home``: ledger, key folder and an empty mappings folder."""
    (home / "mappings").mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ST_PIPELINES_")}
    return CommandLine(
        home, kept | {"ST_PIPELINES_HOME": str(home / "live"), "ST_PIPELINES_MAPPINGS": str(home / "mappings")}
    )
