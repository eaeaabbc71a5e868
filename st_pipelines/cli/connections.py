"""``st-pipelines connections``: accounts on outside systems, stored encrypted. Invariant: no secret is ever printed."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text
from st_pipelines.cli.secret_input import read_definition, read_webhook_secret

if TYPE_CHECKING:
    from st_pipelines.integrations.session import Session

app = typer.Typer(no_args_is_help=True, help="Accounts on outside systems: base URL, company, credentials.")

Name = Annotated[str, typer.Argument(help="Name of the connection.")]


@app.command("add")
@answering
def add(
    name: Name,
    system: Annotated[str, typer.Option("--system", help="servicetitan, qad or servicenow")] = "",
    given: Annotated[
        str, typer.Option("--from", help="JSON file with settings and secrets; - for standard input.")
    ] = "",
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, name=value; never a secret.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing one whole.")] = False,
) -> Answer:
    """Store a connection. Secrets come from --from or, in a terminal, from a prompt; never from arguments."""
    from st_pipelines.credentials.secret import Secret

    with opened.vault() as vault:
        definition = read_definition(given, system, assignments or [])
        secrets = {field: Secret(value) for field, value in definition.secrets.items()}
        vault.add(name, definition.system, definition.settings, secrets, replace=replace)
    shown = {
        "name": name,
        "system": definition.system,
        "settings": dict(definition.settings),
        "secrets": sorted(secrets),
    }
    return Answer(shown, (text(f"{name}: stored, secrets encrypted. Try it: st-pipelines connections ping {name}"),))


@app.command("list")
@answering
def list_all() -> Answer:
    """List connections with their settings, without secrets."""
    with opened.vault() as vault:
        known = vault.list()
    data = [{"name": one.name, "system": one.system, "settings": dict(one.settings)} for one in known]
    rows = [(one.name, one.system, ", ".join(f"{k}={v}" for k, v in sorted(one.settings.items()))) for one in known]
    return Answer(data, (table(("name", "system", "settings"), rows),) if rows else (text("No connections yet."),))


@app.command("ping")
@answering
def ping(name: Name) -> Answer:
    """Prove sign-in, company identity and each permission that the flows need; name what is missing."""
    faults: list[dict[str, str]] = []
    used_by: list[str] = []
    for integration in opened.integrations():
        sides = [side for side in ("source", "target") if getattr(integration, side).connection == name]
        if not sides:
            continue
        used_by.append(integration.name)
        with opened.session(integration.name) as session:
            for side in sides:
                found = _pinged(session, side)
                faults += [{"integration": integration.name, "fault": fault} for fault in found]
    if not used_by:
        with opened.vault() as vault:
            vault.get(name)  # says so where there is none
        raise Usage(f"no integration uses the connection {name!r}: name it in an integration.yaml first")
    data = {"name": name, "integrations": used_by, "faults": faults, "ok": not faults}
    if faults:
        rows = [(fault["integration"], fault["fault"]) for fault in faults]
        return Answer(data, (table(("integration", "what is missing"), rows, title=f"{name}: not ready"),), OPEN)
    return Answer(data, (text(f"{name}: signed in, company and permissions as needed by {', '.join(used_by)}"),), CLEAN)


def _pinged(session: "Session", side: str) -> list[str]:
    """Faults of one side. A profile that contradicts the integration is told first: no client is made of it."""
    road, integration = session.road, session.integration
    if side == "source":
        return road.source.ping(session.source, integration)
    return road.target.contradictions(integration) or road.target.ping(session.target_client, integration)


@app.command("remove")
@answering
def remove(name: Name) -> Answer:
    """Forget a connection, its secrets and its token. Postings and audit trail stay."""
    with opened.vault() as vault:
        vault.remove(name)
    return Answer({"name": name, "removed": True}, (text(f"{name}: removed with its secrets."),))


@app.command("webhook-secret")
@answering
def webhook_secret(
    name: Name,
    given: Annotated[str, typer.Option("--from", help="File with the secret; - for standard input.")] = "",
    finish: Annotated[bool, typer.Option("--finish", help="End a rotation: forget the previous secret.")] = False,
) -> Answer:
    """Set or rotate the key that signs webhooks. The old one counts beside it until --finish; no restart is needed."""
    from st_pipelines.credentials.secret import Secret
    from st_pipelines.receivers.senders import PREVIOUS, SECRET

    if finish == bool(given) and finish:
        raise Usage("--finish takes no secret: set the new one first, finish when ServiceTitan signs with it")
    with opened.vault() as vault:
        if finish:
            changed = vault.forget_secret(name, PREVIOUS)
            said = "only the present webhook secret counts now." if changed else "no rotation was under way."
            return Answer({"name": name, "changed": changed, "rotating": False}, (text(f"{name}: {said}"),))
        vault.get(name)  # says so where there is none, before anything is asked
        changed = vault.replace_secret(name, SECRET, Secret(read_webhook_secret(given)), keep_as=PREVIOUS)
        rotating = PREVIOUS in vault.get(name).secrets
    said = "stored, encrypted." if changed else "this is the webhook secret already."
    then = " The previous one counts too until: st-pipelines connections webhook-secret NAME --finish"
    return Answer(
        {"name": name, "changed": changed, "rotating": rotating},
        (text(f"{name}: {said}{then.replace('NAME', name) if rotating else ''}"),),
    )


@app.command("new-key")
@answering
def new_key(
    path: Annotated[Path | None, typer.Argument(help="New key file; the configured one by default.")] = None,
) -> Answer:
    """Make the master key file that encrypts all secrets. Never overwrites one."""
    from st_pipelines.credentials.keyring import new_key_file

    file = path or opened.settings().master_key_file
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    new_key_file(file)
    note = text(f"{file}: made, mode 0600. Keep a copy apart from the database's backups: without it no secret opens.")
    return Answer({"key_file": str(file)}, (note,))


@app.command("rotate-key")
@answering
def rotate_key(
    new_file: Annotated[
        Path | None, typer.Option("--new-key-file", help="Encrypt under this key file's first key; made if absent.")
    ] = None,
) -> Answer:
    """Wrap every secret under a new master key, in one transaction; without an option under the first of several."""
    from st_pipelines.credentials.keyring import load_keyring, new_key_file, read_key_file

    with opened.vault() as vault:
        if new_file is None:
            keyring = load_keyring(os.environ, opened.settings().master_key_file)
        else:
            if not new_file.exists():
                new_key_file(new_file)
            keyring = read_key_file(new_file)
        changed = vault.rotate(keyring)
    done = f"{changed} secrets are now under key {keyring.first_id}."
    then = f" Set ST_PIPELINES_KEY_FILE={new_file} from now on." if new_file else " Older keys may be taken out."
    return Answer({"changed": changed, "key_id": keyring.first_id}, (text(done + then),))
