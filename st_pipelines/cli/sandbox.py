"""``st-pipelines sandbox``: the outside systems as local servers, to try everything without credentials.

Invariant: ``reset`` and ``load`` speak to a running sandbox by its public control routes only, as any other client may.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import Answer, CouldNotRun, Usage, answering, print_json, text

app = typer.Typer(no_args_is_help=True, help="Local servers that behave like the outside systems.")

Home = Annotated[Path | None, typer.Option("--home", help="Where its books are kept.")]
# What a scenario may say of a system, in the order in which it is done: the clock, what people do, what breaks.
_STEPS = ("clock", "business", "faults")


@app.command("up")
@answering
def up(
    home: Home = None,
    size: Annotated[str, typer.Option("--size", help="small, demo or large")] = "demo",
    seed: Annotated[int, typer.Option("--seed")] = 1,
    port_base: Annotated[int, typer.Option("--port-base", help="Fixed ports from here on; free ones by default.")] = 0,
    systems: Annotated[str, typer.Option("--systems", help="Which, with commas between.")] = "servicetitan,qad",
    options: Annotated[
        list[str] | None, typer.Option("--set", help="An option of one system: procurement=yes (QAD). May be repeated.")
    ] = None,
) -> Answer:
    """Run the sandbox until it is interrupted; prints one JSON line with the addresses as soon as they answer."""
    from st_pipelines.sandbox.server import SYSTEMS, running_sandbox

    names = [name.strip() for name in systems.split(",") if name.strip()]
    if not names or not set(names) <= set(SYSTEMS):
        raise Usage(f"--systems takes some of {', '.join(SYSTEMS)}, not {systems!r}")
    if any("=" not in pair for pair in options or ()):
        raise Usage("--set takes NAME=VALUE")
    chosen = dict(pair.split("=", 1) for pair in options or ())
    with running_sandbox(
        _folder(home), systems=names, size=size, seed=seed, port_base=port_base, ticking=True, settings=chosen
    ) as running:
        print_json(running.addresses)
        with suppress(KeyboardInterrupt):
            running.process.wait()
    raise typer.Exit(0)


@app.command("reset")
@answering
def reset(home: Home = None) -> Answer:
    """Put every system of a running sandbox back to the start: first books, no faults, empty log, first clock."""
    counts = {system: _post(address, "reset", None)["entities"] for system, address in _running(home).items()}
    said = (f"{system}: {sum(entities.values())} records, no faults" for system, entities in counts.items())
    return Answer(counts, tuple(map(text, said)))


@app.command("load")
@answering
def load(
    scenario: Annotated[Path, typer.Argument(help='JSON: {"<system>": {"clock": …, "business": […], "faults": […]}}')],
    home: Home = None,
) -> Answer:
    """Play a scenario into a running sandbox: move its clock, do what people do in it, arm what is to break."""
    running, done = _running(home), list[dict[str, Any]]()
    for system, step, order in _orders(_read(scenario), running, scenario):
        done.append({"system": system, "step": step, "answer": _post(running[system], step, order)})
    return Answer({"done": done}, tuple(text(f"{one['system']}: {one['step']} done") for one in done))


def _folder(home: Path | None) -> Path:
    return home or opened.settings().home / "sandbox"


def _running(home: Path | None) -> dict[str, str]:
    """The addresses that the sandbox of this home announced."""
    path = _folder(home) / "addresses.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except FileNotFoundError:
        raise CouldNotRun(f"no sandbox was started on {path.parent}: st-pipelines sandbox up --home …") from None


def _read(scenario: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        return msgspec.json.decode(scenario.read_bytes(), type=dict[str, dict[str, Any]])
    except (OSError, msgspec.DecodeError) as error:
        raise Usage(f"{scenario}: not a readable scenario: {error}") from None


def _orders(
    scenario: Mapping[str, Mapping[str, Any]], running: Mapping[str, str], path: Path
) -> list[tuple[str, str, Any]]:
    """(system, step, order), all checked before the first is carried out."""
    orders = []
    for system, steps in scenario.items():
        if system not in running:
            raise Usage(f"{path}: {system}: not a system of this sandbox; it runs {', '.join(running)}")
        unknown = sorted(set(steps) - set(_STEPS))
        if unknown:
            raise Usage(f"{path}: {system}: unknown {', '.join(unknown)}; a scenario has {', '.join(_STEPS)}")
        for step in _STEPS:
            given = steps.get(step, [])
            orders += [(system, step, order) for order in (given if isinstance(given, list) else [given])]
    return orders


def _post(address: str, step: str, order: Any) -> Any:
    """One control request. A refusal is told in the sandbox's own words."""
    import httpx

    try:
        answer = httpx.post(f"{address}/_sandbox/{step}", json=order, timeout=60.0, trust_env=False)
    except httpx.TransportError as error:
        raise CouldNotRun(f"the sandbox at {address} does not answer ({error}): is it still up?") from error
    content = msgspec.json.decode(answer.content)
    if not answer.is_success:
        raise CouldNotRun(f"{address}: {step}: {content.get('error', content)}")
    return content
