"""TLS is checked: a certificate that a named authority vouches for, for the right host, or nothing is sent."""

import datetime
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from st_pipelines.systems.http.auth import StaticHeaders
from st_pipelines.systems.http.client import HttpClient
from st_pipelines.systems.http.errors import Misconfigured, NotExecuted, Unreachable

pytestmark = pytest.mark.usefixtures("quick")
PAGE = b'{"data": "' + b"x" * 1_000_000 + b'"}'


def certificate(folder: Path, host: str, days: int = 1) -> tuple[Path, Path]:
    """A self-signed certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    alternative = x509.IPAddress(ipaddress.ip_address(host)) if host[0].isdigit() else x509.DNSName(host)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / f"{host}.pem", folder / f"{host}.key"
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file


@contextmanager
def tls_server(cert_file: Path, key_file: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Answers every request with one page; keeps what it could decrypt."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert_file, key_file)
    heard: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        try:
            with context.wrap_socket(connection, server_side=True) as secure:
                while data := secure.recv(65536):
                    heard.append(data)
                    secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
        except OSError:
            connection.close()

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    listening = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1], heard
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def test_a_private_authority_is_named_by_file(tmp_path: Path) -> None:
    cert_file, key_file = certificate(tmp_path, "localhost")
    with tls_server(cert_file, key_file) as (port, heard):
        client = HttpClient("acme", f"https://localhost:{port}", StaticHeaders(), ca_file=str(cert_file))
        for _ in range(3):
            assert client.read("/page", entity="invoices").content == PAGE
        assert len(heard) == 3


@pytest.mark.parametrize(
    ("host", "days", "trusted"), [("localhost", 1, False), ("127.0.0.1", 1, True), ("localhost", -1, True)]
)
def test_an_unknown_wrong_or_expired_certificate_gets_no_request(
    tmp_path: Path, host: str, days: int, trusted: bool
) -> None:
    cert_file, key_file = certificate(tmp_path, host, days)
    with tls_server(cert_file, key_file) as (port, heard):
        client = HttpClient(
            "acme", f"https://localhost:{port}", StaticHeaders(), ca_file=str(cert_file) if trusted else None
        )
        with pytest.raises(Unreachable, match="the certificate is not accepted") as read:
            client.read("/page", entity="invoices")
        with pytest.raises(NotExecuted, match="the certificate is not accepted"):
            client.write("POST", "/page", content=b"{}", entity="bill", reference="1")
        assert "ca_file" in read.value.cure
        assert heard == []


def test_a_handshake_that_never_ends_ends_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        client = HttpClient("acme", f"https://127.0.0.1:{mute.getsockname()[1]}", StaticHeaders())
        started = time.monotonic()
        with pytest.raises(NotExecuted):
            client.write("POST", "/", content=b"{}", entity="bill", reference="1", deadline_s=0.4)
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("content", [None, b"not a certificate"])
def test_a_ca_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(Misconfigured, match="CA file"):
        HttpClient("acme", "https://erp.example.com", StaticHeaders(), ca_file=str(path))
