"""Every ``st-pipelines …`` command, option and link that a document names exists; so do those in our own messages."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from st_pipelines.cli.app import app

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "deploy/**/*", "mappings/*/README.md")
    for path in REPOSITORY.glob(pattern)
    if path.is_file()
)
IN_CODE = re.compile(r"`[^`\n]*?(st-pipelines [^`\n]*)`")
IN_BLOCK = re.compile(r"^\s*(?:[$#]\s*)?(?:\S*=\s*)?(?:\S*/)?(st-pipelines [^#\n]*?)(?:\s{2,}#.*|\s+#.*)?$")
IN_SOURCE = re.compile(r"st-pipelines ([a-z][a-z-]+)(?: ([a-z][a-z-]+))?")


def commands(text: str) -> Iterator[str]:
    """In back-ticks anywhere, and each line of a code block that begins with the command."""
    for part, block in enumerate(text.split("```")):
        if part % 2:
            yield from (found[1] for line in block.replace("\\\n", " ").splitlines() if (found := IN_BLOCK.match(line)))
        else:
            yield from IN_CODE.findall(block.replace("\n", " "))


def fault(command: str) -> str:
    """What of a command does not exist; empty = all of it does. Words in capitals and in brackets are placeholders."""
    words = [word for word in shlex.split(command.replace("…", " "))[1:] if not word.startswith(("|", ">", "<", "&"))]
    here: Any = typer.main.get_command(app)
    path = "st-pipelines"
    while words and hasattr(here, "commands"):
        if words[0].startswith("-"):
            break
        if words[0] not in here.commands:
            return f"{path} has no command {words[0]!r}"
        path, here = f"{path} {words[0]}", here.commands[words.pop(0)]
    known = {option for parameter in here.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
        "--help"
    }
    unknown = [word.split("=")[0].strip("[]") for word in words if word.strip("[").startswith("--")]
    return ", ".join(f"{path} has no option {option}" for option in unknown if option not in known)


@pytest.mark.parametrize("path", [pytest.param(each, id=str(each.relative_to(REPOSITORY))) for each in DOCUMENTS])
def test_a_document_names_only_commands_that_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    faults = [f"{command}: {wrong}" for command in commands(text) if (wrong := fault(command))]
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("path", [each for each in DOCUMENTS if each.suffix == ".md"], ids=lambda each: each.name)
def test_a_document_links_only_to_files_that_exist(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:|mailto:|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert not [link for link in links if not (path.parent / link).exists()]


def test_our_own_messages_name_only_commands_that_exist() -> None:
    tree: Any = typer.main.get_command(app)
    faults = []
    for path in sorted((REPOSITORY / "st_pipelines").rglob("*.py")):
        for first, second in IN_SOURCE.findall(path.read_text(encoding="utf-8")):
            group = tree.commands.get(first)
            if group is None or (second and hasattr(group, "commands") and second not in group.commands):
                faults.append(f"{path.relative_to(REPOSITORY)}: st-pipelines {first} {second}".rstrip())
    assert not faults, "\n".join(faults)


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert fault("st-pipelines holds forget KEY") == "st-pipelines holds has no command 'forget'"
    assert fault("st-pipelines status --loud") == "st-pipelines status has no option --loud"
    assert fault("st-pipelines holds list --flow invoices --json | jq") == ""
    assert list(commands("as `ST_X=1 st-pipelines status` says\n```\nst-pipelines up    # all of it\n```\n")) == [
        "st-pipelines status",
        "st-pipelines up",
    ]
