"""Takes a connection's definition without a secret ever being an argument. Invariant: what is read is never printed.

Arguments stand in the process list and the shell's history. Secrets come from a JSON file, from standard input, or from
a prompt in a terminal that does not echo:

    {"system": "qad", "settings": {"base_url": "https://…"}, "secrets": {"username": "…", "password": "…"}}
"""

import getpass
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from st_pipelines.cli.output import Usage

# What each system signs in with; asked for in a terminal where no file was given.
SECRETS: Mapping[str, tuple[str, ...]] = {
    "servicetitan": ("app_key", "client_id", "client_secret"),
    "servicenow": ("client_id", "client_secret"),
    "qad": ("username", "password"),
}
LARGEST = 1_000_000
SHORTEST_WEBHOOK_SECRET = 24  # bytes (W3)
_SECRET_NAME = re.compile(
    r"(?i)(?!.*_(url|path|file|s)$)(.*(secret|passw|token|app_?key|api_?key|private_key|credential)|^key$)"
)


@dataclass(frozen=True)
class Definition:
    """``secrets`` are plain text here, for the moment between reading and sealing; never shown by ``repr``."""

    system: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Definition(system={self.system!r}, settings={sorted(self.settings)}, secrets=***)"


def read_definition(source: str, system: str, assignments: Sequence[str]) -> Definition:
    """From ``--from`` (a path, ``-`` for standard input, empty for none), ``--system`` and ``--set name=value``; in a
    terminal the secrets that are missing are asked for. Raises ``Usage``."""
    given = _document(source)
    settings = {**given.get("settings", {}), **dict(_assignment(one) for one in assignments)}
    chosen = system or given.get("system", "")
    if not chosen:
        raise Usage(f"which system? --system {'|'.join(SECRETS)}")
    if chosen not in SECRETS:
        raise Usage(f"unknown system {chosen!r}; known: {', '.join(SECRETS)}")
    if system and given.get("system", system) != system:
        raise Usage(f"--system says {system}, the definition says {given['system']}")
    secrets = dict(given.get("secrets", {}))
    if not secrets:
        if source or not sys.stdin.isatty():
            raise Usage(
                "no secrets given: put them into the JSON document of --from FILE (or --from - for standard input)"
            )
        secrets = {name: getpass.getpass(f"{chosen} {name}: ") for name in SECRETS[chosen]}
    if empty := sorted(name for name, value in secrets.items() if not value):
        raise Usage(f"secret {', '.join(empty)} is empty")
    return Definition(chosen, settings, secrets)


def read_webhook_secret(source: str) -> str:
    """The one secret in a file or on standard input, else asked for in a terminal. Raises ``Usage``."""
    if not source and not sys.stdin.isatty():
        raise Usage("no secret given: --from FILE, or --from - for standard input")
    try:
        secret = _content(source).decode("utf-8").strip() if source else getpass.getpass("webhook secret: ").strip()
    except UnicodeDecodeError:
        raise Usage("the webhook secret must be text") from None
    if len(secret.encode("utf-8")) < SHORTEST_WEBHOOK_SECRET or any(mark.isspace() for mark in secret):
        raise Usage(f"a webhook secret is one word of {SHORTEST_WEBHOOK_SECRET} bytes at least")
    return secret


def _document(source: str) -> dict[str, Any]:
    if not source:
        return {}
    where = "standard input" if source == "-" else source
    content = _content(source)
    try:
        given = json.loads(content.decode("utf-8"), object_pairs_hook=_once)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        # The message of the decoder quotes nothing; its ``doc`` holds the secrets and is left behind.
        at = f", line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise Usage(f"{where}: not a JSON document{at}") from None
    if not isinstance(given, dict) or set(given) - {"system", "settings", "secrets"}:
        raise Usage(f'{where}: expected {{"system": …, "settings": {{…}}, "secrets": {{…}}}} and nothing else')
    if not isinstance(given.get("system", ""), str):
        raise Usage(f"{where}: system must be a text")
    for part in ("settings", "secrets"):
        if not isinstance(given.get(part, {}), dict):
            raise Usage(f"{where}: {part} must be an object")
    wrong = sorted(name for name, value in given.get("secrets", {}).items() if not isinstance(value, str))
    if wrong:
        raise Usage(f"{where}: secret {', '.join(wrong)} must be a text")
    misplaced = sorted(name for name in given.get("settings", {}) if _SECRET_NAME.match(name))
    if misplaced:
        raise Usage(f"{where}: {', '.join(misplaced)} belongs under secrets: settings are stored readable")
    return given


def _content(source: str) -> bytes:
    """At most ``LARGEST`` bytes of a file, or of standard input (``-``)."""
    where = "standard input" if source == "-" else source
    try:
        if source == "-":
            content = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with Path(source).open("rb") as file:
                content = file.read(LARGEST + 1)
    except OSError as error:
        raise Usage(f"{where}: cannot be read ({error.strerror})") from None
    if len(content) > LARGEST:
        raise Usage(f"{where}: larger than {LARGEST} bytes; this is not a connection")
    return content


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise Usage(f"the definition has {', '.join(doubled)} twice")
    return dict(pairs)


def _assignment(text: str) -> tuple[str, Any]:
    """``per_second=50`` and ``private_network=true`` become number and truth, everything else stays text."""
    name, equals, value = text.partition("=")
    if not equals or not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", name):
        raise Usage("--set takes name=value, the name in small letters, e.g. --set base_url=https://…")
    if _SECRET_NAME.match(name):
        raise Usage(f"a secret such as {name} is never an argument; use --from FILE, --from - or a terminal")
    if value in ("true", "false"):
        return name, value == "true"
    if re.fullmatch(r"-?[0-9]{1,15}", value) and not name.endswith(("tenant", "client_id")):
        return name, int(value)
    if re.fullmatch(r"-?[0-9]{1,15}\.[0-9]{1,9}", value):
        return name, float(value)  # a duration or a rate, never money
    return name, value
