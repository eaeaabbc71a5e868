"""The command: where it may listen, TLS, several workers, health, what Prometheus sees, and setting the secret."""

import os
import signal
import ssl
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from st_pipelines_tests.cli.command import CommandLine, command_line
from st_pipelines_tests.receivers.receiver import Receiver, hex_of, read_reply, running_receiver
from st_pipelines_tests.receivers.test_durability import processes_of

BODY = b'{"id": "e1"}'


@pytest.fixture
def run(tmp_path: Path) -> CommandLine:
    ready = command_line(tmp_path)
    assert ready.here("connections", "new-key").code == 0
    return ready


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.test"])
def test_plain_http_stays_on_this_machine(run: CommandLine, host: str) -> None:
    ran = run.here("serve", "--host", host, "--port", "0", "--json")
    assert ran.code == 2 and "--certificate" in ran.json["error"] and "--behind-proxy" in ran.json["error"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--certificate", "x.pem"], "both --certificate and --certificate-key"),
        (["--certificate", "x.pem", "--certificate-key", "y.pem"], "x.pem: no such file"),
        (["--workers", "0"], "--workers"),
        (["--per-second", "0"], "--per-second"),
        (["--largest-body", "-1"], "--largest-body"),
        (["--header-s", "nan"], "--header-s"),
    ],
)
def test_wrong_options_are_told(run: CommandLine, options: list[str], words: str) -> None:
    ran = run.here("serve", *options, "--json")
    assert ran.code == 2 and words in ran.json["error"]


def test_without_the_master_key_it_does_not_start(run: CommandLine, tmp_path: Path) -> None:
    secrets = '{"system": "servicetitan", "secrets": {"app_key": "a"}}'
    assert run.here("connections", "add", "st", "--from", "-", stdin=secrets).code == 0
    assert run.here("connections", "webhook-secret", "st", "--from", "-", stdin="s" * 32).code == 0
    (tmp_path / "live" / "keys" / "master.key").unlink()
    ran = run("serve", "--port", "0", "--metrics-port", "0")
    assert ran.code == 2 and "key" in ran.err and "Traceback" not in ran.err


def test_over_tls(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    with running_receiver(
        tmp_path, "--certificate", str(certificate), "--certificate-key", str(key), "--host", "127.0.0.1"
    ) as receiver:
        context = ssl.create_default_context(cafile=str(certificate))
        with (
            receiver.connect() as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall((f"POST /webhooks/st HTTP/1.1\r\nHost: h\r\nContent-Length: {len(BODY)}\r\n"
                                f"X-ServiceTitan-Signature: {hex_of(BODY)}\r\n\r\n").encode() + BODY)  # fmt: skip
            assert read_reply(connection).status == 200
        assert len(receiver.rows()) == 1


def self_signed(folder: Path) -> tuple[Path, Path]:
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate, private = folder / "certificate.pem", folder / "private.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                          serialization.NoEncryption()))  # fmt: skip
    return certificate, private


def test_health_and_metrics(receiver: Receiver) -> None:
    for path in ("/healthz", "/readyz"):
        assert receiver.ask("GET", path).shown == (200, {"content-length": "0"}, b"")
    receiver.post(BODY)
    receiver.post(BODY)
    receiver.post(BODY, to="someone-we-do-not-know")
    with urlopen(receiver.metrics_url, timeout=10) as answer:
        assert "server" not in {name.lower() for name in answer.headers}
        shown = answer.read().decode()
    for name in (
        "inbox_queue 0.0",
        'inbox_pending{connection="st"} 1.0',
        'inbox_oldest_seconds{connection="st"}',
        'inbox_deliveries_total{kind="repeated"}',
        "inbox_group_size_bucket",
        "webhook_seconds_bucket",
        'webhook_answers_total{connection="st",outcome="accepted"}',
        'webhook_answers_total{connection="",outcome="refused"}',
    ):
        assert f"st_pipelines_{name}" in shown, name
    assert "someone" not in shown
    assert receiver.rows()[0].event_key == "e1" and len(receiver.rows()) == 1


def test_several_workers_share_the_door_and_one_that_dies_is_replaced(tmp_path: Path) -> None:
    with running_receiver(tmp_path, "--workers", "2") as receiver:
        for number in range(20):
            assert receiver.post(b'{"id": "a%d"}' % number).status == 200
        assert receiver.metric('st_pipelines_webhook_answers_total{connection="st",outcome="accepted"}') == 20
        parent, *workers = processes_of(receiver)
        assert len(workers) == 2
        os.kill(workers[0], signal.SIGKILL)
        until = time.monotonic() + 20
        while len(set(processes_of(receiver)) - {parent, *workers}) != 1:
            assert time.monotonic() < until
            time.sleep(0.1)
        for number in range(20):
            assert receiver.post(b'{"id": "b%d"}' % number).status == 200
        os.kill(parent, signal.SIGKILL)
        receiver.process.wait()
        until = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text()
                  for pid in workers):  # fmt: skip
            assert time.monotonic() < until
            time.sleep(0.1)
        assert len(receiver.rows()) == 40


def test_the_secret_is_set_and_rotated_from_outside_only(run: CommandLine, tmp_path: Path) -> None:
    secrets = '{"system": "servicetitan", "secrets": {"app_key": "a"}}'
    run.here("connections", "add", "st", "--from", "-", stdin=secrets)
    first, second = "first-" * 6, "second-" * 6
    set_once = run.here("connections", "webhook-secret", "st", "--from", "-", "--json", stdin=first + "\n")
    assert set_once.json == {"name": "st", "changed": True, "rotating": False}
    (tmp_path / "second.txt").write_text(second)
    for changed in (True, False):
        rotated = run.here("connections", "webhook-secret", "st", "--from", "second.txt", "--json")
        assert rotated.json == {"name": "st", "changed": changed, "rotating": True}
    finished = run.here("connections", "webhook-secret", "st", "--finish")
    assert finished.code == 0 and "only the present" in finished.out
    assert "no rotation" in run.here("connections", "webhook-secret", "st", "--finish").out
    listed = run.here("connections", "list", "--json")
    assert first not in listed.out and second not in rotated.out + rotated.err + finished.out


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["st", "--from", "-"], "short", "24 bytes at least"),
        (["st", "--from", "-"], "two words that are long enough", "one word"),
        (["st"], "s" * 40, "no secret given"),
        (["st", "--finish", "--from", "-"], "s" * 40, "--finish takes no secret"),
        (["nobody", "--from", "-"], "s" * 40, "no connection 'nobody'"),
        (["st", "--from", "missing.txt"], "", "missing.txt: cannot be read"),
    ],
)
def test_wrong_secret_is_told_and_never_repeated(
    run: CommandLine, arguments: list[str], stdin: str, words: str
) -> None:
    secrets = '{"system": "servicetitan", "secrets": {"app_key": "a"}}'
    run.here("connections", "add", "st", "--from", "-", stdin=secrets)
    ran = run.here("connections", "webhook-secret", *arguments, "--json", stdin=stdin)
    assert ran.code == 2 and words in ran.json["error"]
    assert not stdin or stdin not in ran.out + ran.err
