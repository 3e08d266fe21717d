"""An authority of the tests, with certificates for a server on this machine and for a client."""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificates:
    """The files of an authority, and of certificates with their keys."""

    authority: Path
    server: tuple[Path, Path]
    client: tuple[Path, Path]

    def server_context(self, ask_client: bool) -> ssl.SSLContext:
        """TLS of a server, which may ask the client for its certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.server)
        if ask_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.authority)
        return context


def make_certificates(folder: Path) -> Certificates:
    """Write an authority, and what it has signed, into *folder*."""
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("authority", key, "authority", key, is_authority=True)
    _write(folder / "authority.pem", authority.public_bytes(serialization.Encoding.PEM))
    pairs = {name: _signed(folder, name, key) for name in ("server", "client")}
    return Certificates(folder / "authority.pem", pairs["server"], pairs["client"])


def _signed(folder: Path, name: str, by: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(name, key, "authority", by, is_authority=False)
    _write(folder / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    _write(folder / f"{name}.key", key.private_bytes(serialization.Encoding.PEM, form, plain))
    return folder / f"{name}.pem", folder / f"{name}.key"


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, by: ec.EllipticCurvePrivateKey, *, is_authority: bool
) -> x509.Certificate:
    now = datetime.now(UTC)
    place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
        .add_extension(place, critical=False)
        .sign(by, hashes.SHA256())
    )


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
