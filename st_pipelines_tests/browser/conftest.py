"""A fresh demo company under ``st-pipelines up`` and one browser on its UI.

Invariant: the UI is only looked at and clicked; no test here talks to Dagster's API.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from st_pipelines_tests.browser import chromium

if TYPE_CHECKING:
    from playwright.sync_api import Page

REPOSITORY = Path(__file__).resolve().parents[2]
ARTEFACTS = REPOSITORY / "var" / "screenshots"
CLICK_MS = 30_000  # the UI answers in one or two seconds; machines can be busy


@pytest.fixture(scope="module")
def browser_executable() -> str:
    """The system's Chromium. Absent: skipped here, a failure in CI."""
    found = chromium.executable()
    if not found and os.environ.get("CI") == "true":
        pytest.fail(f"no browser: {chromium.what_is_missing()}")
    if not found:
        pytest.skip(f"no browser: {chromium.what_is_missing()}")
    return found


@pytest.fixture(scope="module")
def address(browser_executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The link that ``st-pipelines up`` prints for a fresh small company, with its daemon and both sandboxes."""
    home = tmp_path_factory.mktemp("control_room")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ST_PIPELINES_", "DAGSTER_"))
    }
    command = "from st_pipelines.cli.app import main; main()"
    started = subprocess.Popen(
        [sys.executable, "-c", command, "up", "--size", "small", "--home", str(home), "--port", "0"],
        cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert started.stdout is not None
    try:
        yield _printed_link(started.stdout)
    finally:
        started.send_signal(signal.SIGTERM)
        said = started.stdout.read()
        assert started.wait(timeout=60) == 0, said


def _printed_link(lines: IO[str]) -> str:
    said = []
    for line in lines:
        said.append(line)
        if found := re.match(r"Dagster UI\s+(http://127\.0\.0\.1:\d+/\S*)", line):
            return found[1]
    pytest.fail("st-pipelines up did not start:\n" + "".join(said))


@pytest.fixture(scope="module")
def page(address: str, browser_executable: str, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Page]":
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chromium"), executable_path=browser_executable, args=list(chromium.ARGUMENTS),
            viewport={"width": 1600, "height": 1400}, base_url=address,
        )  # fmt: skip
        context.set_default_timeout(CLICK_MS)
        opened = context.new_page()
        try:
            yield opened
        finally:
            ARTEFACTS.mkdir(parents=True, exist_ok=True)
            opened.screenshot(path=ARTEFACTS / "last.png")  # what was there when a test failed
            context.close()


@pytest.fixture(scope="module")
def keep(page: "Page") -> Callable[[str], None]:
    """Keeps what is on the screen under ``var/screenshots``."""

    def shot(name: str) -> None:
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    return shot
