"""The agent's OPC UA certificate and the server certificates it trusts.

<data_dir>/pki/own/certificate.der, private_key.pem     created by `vrijloop agent certificate create`
<data_dir>/pki/own/next/                                the same two, created by `certificate renew`, until `certificate activate`
<data_dir>/pki/trusted/<thumbprint>.der                 the only servers that are trusted
<data_dir>/pki/rejected/<thumbprint>.der                rejected servers; `certificate trust` moves them to trusted
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from asyncua import Client, ua
from asyncua.crypto import security_policies
from asyncua.crypto.uacrypto import CertProperties
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_agent.certificate_watch import OWN_CERTIFICATE, OWN_KEY
from edge_agent.configuration import OpcUaServer
from edge_agent.sources.contact import SourceLostError
from edge_agent.sources.opcua_errors import refusal, sentence
from telemetry import UserError

VALID_FOR = timedelta(days=5 * 365)
_KEY_BITS = 2048  # the security policies allow up to 4096; old PLCs accept only 2048

_POLICIES = {
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128Sha256RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256Sha256RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
_MODES = {"Sign": ua.MessageSecurityMode.Sign, "SignAndEncrypt": ua.MessageSecurityMode.SignAndEncrypt}


@dataclass(frozen=True)
class Pki:
    """The folder with keys and certificates."""

    folder: Path

    @property
    def certificate(self) -> Path:
        return self.folder / OWN_CERTIFICATE

    @property
    def private_key(self) -> Path:
        return self.folder / OWN_KEY

    def is_trusted(self, certificate: bytes) -> bool:
        path = self.folder / "trusted" / f"{thumbprint(certificate)}.der"
        return path.exists() and path.read_bytes() == certificate

    def reject(self, certificate: bytes) -> None:
        """Save a rejected certificate for `certificate trust`; skipped if it cannot be written."""
        with contextlib.suppress(OSError):
            folder = self.folder / "rejected"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{thumbprint(certificate)}.der").write_bytes(certificate)

    def trust(self, print_start: str) -> str:
        """Trust the rejected certificate whose thumbprint starts with `print_start`; returns its description. Raises UserError."""
        found = sorted((self.folder / "rejected").glob(f"{print_start.lower()}*.der")) if print_start else []
        if len(found) != 1:
            seen = ", ".join(path.stem for path in sorted((self.folder / "rejected").glob("*.der"))) or "none"
            raise UserError(
                f"{print_start!r} matches {len(found)} of the rejected certificates ({seen}). "
                "Run `vrijloop agent check` first: it prints the thumbprint of a server that is not trusted."
            )
        (self.folder / "trusted").mkdir(parents=True, exist_ok=True)
        target = found[0].replace(self.folder / "trusted" / found[0].name)
        return described(target.read_bytes())

    def create_own(self, application_uri: str, now: datetime, replace: bool = False) -> str:
        """Create a key and a self-signed certificate; returns its description. Raises UserError if there is one already."""
        if self.certificate.exists() and not replace:
            raise UserError(f"{self.certificate}: there is a certificate already. Use --replace to replace it.")
        return self._create(self.folder / "own", application_uri, now)

    def renew_own(self, now: datetime) -> str:
        """Create the key and certificate that are to follow, with the same application URI; returns the description. The agent goes on with the present one,
        so that servers can be told first. Raises UserError if there is none."""
        return self._create(self.next.parent, self._own_uri(), now)

    def activate_next(self) -> str:
        """Use what `renew_own` has made, from the next connection on. Raises UserError if it has made nothing."""
        if not self.next.exists():
            raise UserError(
                f"{self.next}: there is no such certificate. `vrijloop agent certificate renew` creates it."
            )
        key = self.next.parent / self.private_key.name
        try:
            if key.exists():  # else this was cut off after the key
                key.replace(self.private_key)
            self.next.replace(self.certificate)
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be written ({error.strerror}).") from error
        return described(self.certificate.read_bytes())

    @property
    def next(self) -> Path:
        return self.folder / "own" / "next" / self.certificate.name

    def _own_uri(self) -> str:
        try:
            uri = application_uri_of(self.certificate.read_bytes())
        except OSError:
            uri = None
        if uri is None:
            raise UserError(
                f"{self.certificate}: there is no certificate yet that could be renewed. `vrijloop agent certificate create` creates one."
            )
        return uri

    def _create(self, folder: Path, application_uri: str, now: datetime) -> str:
        key = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
        certificate = _self_signed(key, application_uri, now).public_bytes(serialization.Encoding.DER)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(folder / self.private_key.name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
            (folder / self.certificate.name).write_bytes(certificate)
        except OSError as error:
            raise UserError(f"{self.folder}: cannot be written ({error.strerror}).") from error
        return described(certificate)


def default_application_uri(gateway: str) -> str:
    """The application URI from host and gateway name, so that it is unique within a factory."""
    return f"urn:{socket.gethostname()}:vrijloop:{gateway}"


def application_uri_of(certificate: bytes) -> str | None:
    """The application URI in a certificate; the client must announce the same one."""
    try:
        names = x509.load_der_x509_certificate(certificate).extensions.get_extension_for_class(
            x509.SubjectAlternativeName
        )
    except (x509.ExtensionNotFound, ValueError):
        return None
    uris = names.value.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if uris else None


def thumbprint(certificate: bytes) -> str:
    """SHA-256 of the DER form, in hex."""
    return hashlib.sha256(certificate).hexdigest()


def described(certificate: bytes) -> str:
    """Subject, application URI, expiry and thumbprint of a certificate, for display."""
    parsed = x509.load_der_x509_certificate(certificate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names of Eclipse Milo's certificates have empty parts
        name = parsed.subject.rfc4514_string()
    return (
        f"{name or 'no name'}, {application_uri_of(certificate) or 'no application URI'}, "
        f"valid until {parsed.not_valid_after_utc:%Y-%m-%d}, SHA-256 {thumbprint(certificate)}"
    )


async def endpoints_of(address: str, timeout: float) -> list[ua.EndpointDescription]:
    """What the server offers, asked without security at its address; if it refuses that, at its discovery address (OPC 10000-6, 7.6).

    Raises SourceLostError, or OSError where no connection is made.
    """
    refused = []
    for url in (address, f"{address.rstrip('/')}/discovery"):
        try:
            return list(await Client(url, timeout=timeout).connect_and_get_server_endpoints())
        except (ConnectionRefusedError, socket.gaierror):
            raise
        except (ua.UaError, OSError, TimeoutError) as error:
            refused.append(f"{url}: {sentence(error)}")
    raise SourceLostError(f"the server does not say what security it offers ({'; '.join(refused)})")


async def why_not_connected(error: BaseException, server: OpcUaServer, pki: Pki) -> str:
    """Why no session was opened. A server that wants security just closes a connection without it: then it is asked what it offers."""
    if server.security_policy == "None" and not isinstance(error, ConnectionRefusedError | TimeoutError):
        with contextlib.suppress(SourceLostError, ua.UaError, OSError, TimeoutError):
            endpoints = await endpoints_of(server.endpoint, server.timeout.total_seconds())
            if all(_policy_name(endpoint) != "None" for endpoint in endpoints):
                return f"the server offers no connection without security; it offers: {offered(endpoints)}"
    return refusal(error, server, pki.certificate)


async def secure(client: Client, server: OpcUaServer, pki: Pki, now: datetime) -> None:
    """Set the security policy, certificates and log-in of a client that is not yet connected. Raises SourceLostError, UserError."""
    if server.security_policy != "None":
        await _secure_channel(client, server, pki, now)
    if server.username is not None:
        client.set_user(server.username)
        client.set_password(server.password())
    elif server.user_certificate is not None and server.user_key is not None:
        await client.load_client_certificate(str(server.user_certificate))
        await client.load_private_key(server.user_key)


async def _secure_channel(client: Client, server: OpcUaServer, pki: Pki, now: datetime) -> None:
    if not pki.certificate.exists():
        raise SourceLostError(
            f"security policy {server.security_policy} needs a certificate of the agent's own; create it with "
            "`vrijloop agent certificate create`"
        )
    certificate = pki.certificate.read_bytes()
    policy, mode = _POLICIES[server.security_policy], _MODES[server.security_mode]
    endpoints = await endpoints_of(server.endpoint, server.timeout.total_seconds())
    fitting = [
        endpoint for endpoint in endpoints if endpoint.SecurityPolicyUri == policy.URI and endpoint.SecurityMode == mode
    ]
    if not fitting:
        raise SourceLostError(
            f"the server does not offer {server.security_policy} with {server.security_mode}; it offers: {offered(endpoints)}"
        )
    theirs = _first_certificate(bytes(fitting[0].ServerCertificate))
    if not pki.is_trusted(theirs):
        pki.reject(theirs)
        raise SourceLostError(
            f"the server's certificate is not trusted ({described(theirs)}). If it is the machine's certificate, run "
            f"`vrijloop agent certificate trust {thumbprint(theirs)[:16]}`"
        )
    if x509.load_der_x509_certificate(theirs).not_valid_after_utc < now:
        raise SourceLostError(f"the server's certificate has expired ({described(theirs)})")
    client.application_uri = application_uri_of(certificate) or client.application_uri
    await client.set_security(
        policy,
        certificate=CertProperties(certificate, "der"),
        private_key=pki.private_key,
        server_certificate=CertProperties(theirs, "der"),
        mode=mode,
    )


def _first_certificate(chain: bytes) -> bytes:
    """The first certificate, the server's own, of a chain in DER form; each starts with its length (X.690, 8.1.3)."""
    if len(chain) > 4 and chain[:2] == b"\x30\x82":
        return chain[: 4 + int.from_bytes(chain[2:4], "big")]
    return chain


def offered(endpoints: Sequence[ua.EndpointDescription]) -> str:
    """What security the server offers, for display: `Basic256Sha256/Sign, None/None_`."""
    return ", ".join(sorted({f"{_policy_name(endpoint)}/{endpoint.SecurityMode.name}" for endpoint in endpoints}))


def _policy_name(endpoint: ua.EndpointDescription) -> str:
    return str(endpoint.SecurityPolicyUri).rpartition("#")[2]


def _self_signed(key: rsa.RSAPrivateKey, application_uri: str, now: datetime) -> x509.Certificate:
    """A certificate with the fields that OPC UA part 6, 6.2.2 requires of an application instance certificate."""
    host = socket.gethostname()
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "Vrijloop edge agent"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, host),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
        key_agreement=False, key_cert_sign=True, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.UniformResourceIdentifier(application_uri), x509.DNSName(host)]), False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
