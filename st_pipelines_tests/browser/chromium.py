"""The browser of the tests is the system's Chromium. Invariant: nothing is downloaded by a test; where the browser is
missing, the message names the command that installs it.

    python -m st_pipelines_tests.browser.chromium        the browser step of ``make setup``
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

VARIABLE = "ST_PIPELINES_CHROMIUM"
DEFAULT = "/usr/bin/chromium"
INSTALL = (("apt-get", "update", "-qq"), ("apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"))
BY_HAND = "sudo apt-get update && sudo apt-get install -y chromium"

# Chromium in a container without a GPU, without talking to its maker.
ARGUMENTS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


def executable() -> str:
    """The browser's path, empty where there is none."""
    path = os.environ.get(VARIABLE) or DEFAULT
    return path if os.access(path, os.X_OK) and Path(path).is_file() else ""


def what_is_missing() -> str:
    named = os.environ.get(VARIABLE)
    where = f"{VARIABLE} names {named}, which cannot be run" if named else f"there is no {DEFAULT}"
    return f"{where}. Install it ({BY_HAND}) or name another Chromium in {VARIABLE}."


def install() -> bool:
    """With apt-get, as root; gives whether there is a browser now. A failure is told and left to the test to judge."""
    if executable() or os.environ.get(VARIABLE) or shutil.which("apt-get") is None or os.geteuid() != 0:
        return bool(executable())
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in INSTALL:
        if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode:
            break
    return bool(executable())


if __name__ == "__main__":
    if not install():
        sys.stderr.write(f"The browser test will be skipped: {what_is_missing()}\n")
