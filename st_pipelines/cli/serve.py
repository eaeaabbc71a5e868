"""``st-pipelines serve``: takes webhooks into the inbox until it is stopped. Invariant: no secret is an argument."""

from pathlib import Path
from typing import Annotated

import typer

from st_pipelines.cli import opened
from st_pipelines.cli.output import Answer, Usage, answering, print_json


@answering
def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="0 takes a free one.")] = 8088,
    workers: Annotated[int, typer.Option("--workers", help="Processes; one takes a thousand deliveries a second.")] = 1,
    metrics_port: Annotated[int, typer.Option("--metrics-port", help="Of /metrics, on loopback; 0 takes one.")] = 9188,
    certificate: Annotated[Path | None, typer.Option("--certificate", help="TLS certificate chain, PEM.")] = None,
    certificate_key: Annotated[Path | None, typer.Option("--certificate-key", help="Its private key, PEM.")] = None,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy speaks https and writes X-Forwarded-For.")
    ] = False,
    largest_body: Annotated[int, typer.Option("--largest-body", help="Bytes of one delivery.")] = 1024 * 1024,
    per_second: Annotated[float, typer.Option("--per-second", help="Requests of one peer.")] = 2_000.0,
    most_waiting: Annotated[int, typer.Option("--most-waiting", help="Deliveries that may wait to be stored.")] = 2_000,
    most_connections: Annotated[
        int, typer.Option("--most-connections", help="Open at once in each worker; one peer may have a quarter.")
    ] = 800,
    header_s: Annotated[float, typer.Option("--header-s", help="Seconds a peer has for its header.")] = 10.0,
    request_s: Annotated[float, typer.Option("--request-s", help="Seconds it then has for its body.")] = 30.0,
) -> Answer:
    """Take webhooks until it is interrupted; prints one JSON line with the addresses as soon as they answer."""
    from st_pipelines.receivers.options import Options, WrongOptions
    from st_pipelines.receivers.server import serve

    settings = opened.settings()
    with opened.ledger():
        pass  # migrated, so that a wrong database is told before the door opens
    options = Options(
        database_url=settings.ledger_url, key_file=str(settings.master_key_file), host=host, port=port,
        metrics_port=metrics_port, workers=workers, certificate=str(certificate or ""),
        certificate_key=str(certificate_key or ""), behind_proxy=behind_proxy, largest_body=largest_body,
        per_second=per_second, most_waiting=most_waiting, most_connections=most_connections,
        header_s=header_s, request_s=request_s,
    )  # fmt: skip
    try:
        serve(options, print_json)
    except WrongOptions as error:
        raise Usage(str(error)) from None
    raise typer.Exit(0)
