"""Creates a private certificate authority and certificates for the servers of an installation. The certificate of
the proxy can be replaced by a public one."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vrijloop.deployment.files import write_once

AUTHORITY_LASTS, SERVER_LASTS = timedelta(days=3650), timedelta(days=820)
_EARLIER = timedelta(hours=1)
"""Allows for gateways whose clocks are slow."""


def make_certificates(folder: Path, servers: Mapping[str, Sequence[str]], now: datetime) -> list[Path]:
    """Create `ca.pem`, `ca-key.pem`, and `<server>.pem` and `<server>-key.pem` for each server. `servers`: names for
    the certificate by server. Existing files are kept. Returns the files created."""
    made: list[Path] = []
    authority, key = _authority(folder, now, made)
    for server, names in servers.items():
        if (folder / f"{server}.pem").exists():
            continue
        server_key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(names[0], authority.subject, server_key.public_key(), now, SERVER_LASTS)
            .add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        )
        made += _write(folder, server, builder.sign(key, hashes.SHA256()), server_key)
    return made


def _authority(folder: Path, now: datetime, made: list[Path]) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    certificate, key_file = folder / "ca.pem", folder / "ca-key.pem"
    if certificate.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{key_file} is not an elliptic-curve key")
        return x509.load_pem_x509_certificate(certificate.read_bytes()), key
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Vrijloop, this installation's authority")])
    built = (
        _builder("Vrijloop, this installation's authority", name, key.public_key(), now, AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_usage(), critical=True)
        .sign(key, hashes.SHA256())
    )
    made += _write(folder, "ca", built, key)
    return built, key


def _builder(
    name: str, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lasts: timedelta
) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + lasts)
    )


def _authority_usage() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _write(folder: Path, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> list[Path]:
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    # The key first: a certificate whose key was never written would be kept forever.
    write_once(folder / f"{name}-key.pem", plain.decode(), 0o600)
    write_once(folder / f"{name}.pem", certificate.public_bytes(serialization.Encoding.PEM).decode(), 0o644)
    return [folder / f"{name}.pem", folder / f"{name}-key.pem"]
