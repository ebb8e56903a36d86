"""Creates a private certificate authority and certificates for the servers of an installation, and renews both. The certificate of
the proxy can be replaced by a public one.

While the authority is being replaced, `ca.pem` has the new one first and the old one after it: whoever reads that file trusts both.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from telemetry import UserError
from vrijloop.deployment.files import rewrite, write_once

AUTHORITY_LASTS, SERVER_LASTS = timedelta(days=3650), timedelta(days=820)
_EARLIER = timedelta(hours=1)
"""Allows for gateways whose clocks are slow."""


Key = ec.EllipticCurvePrivateKey


def make_certificates(folder: Path, servers: Mapping[str, Sequence[str]], now: datetime) -> list[Path]:
    """Create `ca.pem`, `ca-key.pem`, and `<server>.pem` and `<server>-key.pem` for each server. `servers`: names for
    the certificate by server. Existing files are kept. Returns the files created."""
    made: list[Path] = []
    if not (folder / "ca.pem").exists():
        made += _write(folder, "ca", *_new_authority(now))
    authority, key = _authority(folder)
    for server, names in servers.items():
        if not (folder / f"{server}.pem").exists():
            alternatives = x509.SubjectAlternativeName([_name(name) for name in names])
            made += _write(folder, server, *_issue(alternatives, names[0], authority, key, now))
    return made


def certificates_in(pem: Path) -> list[x509.Certificate]:
    """Raises UserError."""
    try:
        return x509.load_pem_x509_certificates(pem.read_bytes())
    except OSError as error:
        raise UserError(f"{pem}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise UserError(f"{pem}: is no certificate in PEM format ({error}).") from error


def renew_server(folder: Path, server: str, now: datetime) -> None:
    """Give a server another key, and a certificate with the same names. Raises UserError for one that this authority has not signed."""
    held = certificates_in(folder / f"{server}.pem")[0]
    if not any(_signed_by(held, one) for one in certificates_in(folder / "ca.pem")):
        raise UserError(
            f"{folder / server}.pem: not this installation's authority has signed it. Renew it where it comes from, and write both files in their place."
        )
    authority, key = _authority(folder)
    names = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    common = held.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    _rewrite(folder, server, *_issue(names, str(common), authority, key, now))


def renew_authority(folder: Path, now: datetime) -> None:
    """Begin with a new authority, which signs from now on. The old one remains trusted. Raises UserError while an older one still is."""
    held = certificates_in(folder / "ca.pem")
    if len(held) > 1:
        raise UserError(f"{folder / 'ca.pem'}: the last change of the authority is not finished.")
    made, key = _new_authority(now)
    rewrite(folder / "ca-key.pem", _plain(key))
    rewrite(folder / "ca.pem", "".join(_pem(one) for one in (made, *held)))


def finish_authority(folder: Path, servers: Sequence[str]) -> None:
    """Trust the new authority alone. Raises UserError where a server still has a certificate of the old one."""
    newest, *old = certificates_in(folder / "ca.pem")
    if not old:
        raise UserError(f"{folder / 'ca.pem'}: there is one authority alone; nothing is to be finished.")
    for server in servers:
        held = certificates_in(folder / f"{server}.pem")[0]
        if any(_signed_by(held, one) for one in old):
            raise UserError(f"{folder / server}.pem: the old authority has signed it. Renew it first.")
    rewrite(folder / "ca.pem", _pem(newest))


def _signed_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _authority(folder: Path) -> tuple[x509.Certificate, Key]:
    key_file = folder / "ca-key.pem"
    key = serialization.load_pem_private_key(key_file.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{key_file} is not an elliptic-curve key")
    return certificates_in(folder / "ca.pem")[0], key


def _new_authority(now: datetime) -> tuple[x509.Certificate, Key]:
    key = ec.generate_private_key(ec.SECP256R1())
    # With its day: two that are trusted at the same time need names of their own.
    name = f"Vrijloop, this installation's authority of {now:%Y-%m-%d}"
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    built = (
        _builder(name, issuer, key.public_key(), now, AUTHORITY_LASTS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(_authority_usage(), critical=True)
        .sign(key, hashes.SHA256())
    )
    return built, key


def _issue(
    names: x509.SubjectAlternativeName, common: str, authority: x509.Certificate, key: Key, now: datetime
) -> tuple[x509.Certificate, Key]:
    own = ec.generate_private_key(ec.SECP256R1())
    built = (
        _builder(
            common, authority.subject, own.public_key(), now, min(SERVER_LASTS, authority.not_valid_after_utc - now)
        )
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return built, own


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


def _write(folder: Path, name: str, certificate: x509.Certificate, key: Key) -> list[Path]:
    # The key first: a certificate whose key was never written would be kept forever.
    write_once(folder / f"{name}-key.pem", _plain(key), 0o600)
    write_once(folder / f"{name}.pem", _pem(certificate), 0o644)
    return [folder / f"{name}.pem", folder / f"{name}-key.pem"]


def _rewrite(folder: Path, name: str, certificate: x509.Certificate, key: Key) -> None:
    """Servers read both when they are told to, which is after this."""
    rewrite(folder / f"{name}-key.pem", _plain(key))
    rewrite(folder / f"{name}.pem", _pem(certificate))


def _plain(key: Key) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
