"""``st-pipelines connections``: accounts on outside systems, stored encrypted. Invariant: no secret is ever printed."""

import os
from pathlib import Path
from typing import Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.onboarding_screen import onboarding_screen
from st_pipelines.cli.output import CLEAN, OPEN, Answer, Usage, answering, table, text
from st_pipelines.cli.secret_input import read_definition, read_webhook_secret

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
    from st_pipelines.integrations.onboarding import SIDES, findings

    faults: list[dict[str, str]] = []
    unknown: list[dict[str, str]] = []
    used_by: list[str] = []
    for integration in opened.integrations():
        sides = [side for side in SIDES if getattr(integration, side).connection == name]
        if not sides:
            continue
        used_by.append(integration.name)
        with opened.session(integration.name) as session:
            for found in (one for side in sides for one in findings(session, side)):
                kept, kind = (faults, "fault") if found.certain else (unknown, "unknown")
                kept.append({"integration": integration.name, kind: str(found)})
    if not used_by:
        with opened.vault() as vault:
            vault.get(name)  # says so where there is none
        raise Usage(f"no integration uses the connection {name!r}: name it in an integration.yaml first")
    data = {"name": name, "integrations": used_by, "faults": faults, "unknown": unknown, "ok": not faults}
    ready = () if faults else (text(f"{name}: signed in, company and permissions as needed by {', '.join(used_by)}"),)
    screen = (*ready, *onboarding_screen(f"{name}: not ready", faults, unknown))
    return Answer(data, screen, OPEN if faults else CLEAN)


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
        raise Usage("--finish takes no secret: set the new one first, finish when the sender signs with it")
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
