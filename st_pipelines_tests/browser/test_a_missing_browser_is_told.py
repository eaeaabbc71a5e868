"""Without a browser the message names the command; in CI that is a failure, elsewhere the test is skipped."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from st_pipelines_tests.browser import chromium

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("ci", "word"), [("true", "1 failed"), ("", "1 skipped")])
def test_ci_fails_and_a_laptop_skips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, word: str) -> None:
    monkeypatch.setenv(chromium.VARIABLE, str(tmp_path / "chromium"))
    monkeypatch.setenv("CI", ci)
    (tmp_path / "test_it.py").write_text(
        "from st_pipelines_tests.browser.conftest import browser_executable\n\n\n"
        "def test_it(browser_executable): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-n", "0", "-rsfE", "-p", "no:cacheprovider", "-c", "/dev/null", "."]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}  # the tests are not installed
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert word.replace("failed", "error") in done.stdout or word in done.stdout, done.stdout
    assert chromium.BY_HAND in done.stdout.replace("\n", " ")


def test_a_named_browser_that_is_not_there_is_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(chromium.VARIABLE, str(tmp_path / "chromium"))
    assert chromium.executable() == ""
    assert not chromium.install()
    assert str(tmp_path / "chromium") in chromium.what_is_missing()
