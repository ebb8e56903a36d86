"""When certificates expire: a month ahead it is said, of files in both formats, and of servers whether they are trusted or not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from telemetry.broker import BrokerSettings
from telemetry.certificates import Certificate, authorities_in_file, fewest_days, files_for_broker, in_file, shown_at
from tests.certificates import make_certificates, showing

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=400), None), (timedelta(days=30), None), (timedelta(days=30, seconds=-1), "It expires on 30/12/2026."),
        (timedelta(seconds=1), "It expires on 30/11/2026."), (timedelta(0), "It expired on 30/11/2026."), (timedelta(days=-3), "It expired on 27/11/2026."),
    ],
)  # fmt: skip
def test_it_is_said_a_month_ahead(left: timedelta, said: str | None) -> None:
    assert Certificate("It", NOW + left).warning(NOW) == said


def test_the_first_to_expire_counts() -> None:
    found = [Certificate("a", NOW + timedelta(days=days, hours=1)) for days in (90, 12, 300)]
    assert fewest_days(found, NOW) == 12
    assert fewest_days([Certificate("a", NOW - timedelta(hours=1))], NOW) == -1
    assert fewest_days([], NOW) is None


def signed(folder: Path, name: str, days: int) -> bytes:
    """A certificate like that of the authority, which lasts so many days."""
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    key = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), None)
    builder = x509.CertificateBuilder(
        authority.issuer, authority.subject, authority.public_key(), x509.random_serial_number(),
        NOW - timedelta(days=1), NOW + timedelta(days=days),
    )  # fmt: skip
    made = builder.sign(key, authority.signature_hash_algorithm)  # type: ignore[arg-type]
    (folder / name).write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return made.public_bytes(serialization.Encoding.DER)


def test_files(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    der = signed(tmp_path, "short.pem", 10)
    signed(tmp_path, "long.pem", 500)
    (tmp_path / "short.der").write_bytes(der)
    (tmp_path / "both.pem").write_bytes((tmp_path / "short.pem").read_bytes() + (tmp_path / "long.pem").read_bytes())
    (tmp_path / "none.pem").write_text("-----BEGIN NOTHING-----\n")

    def days(name: str) -> int | None:
        found = in_file("It", tmp_path / name)
        return found.days_left(NOW) if found is not None else None

    assert {name: days(name) for name in ("short.pem", "short.der", "long.pem", "both.pem", "none.pem", "away.pem")} == {
        "short.pem": 10, "short.der": 10, "long.pem": 500, "both.pem": 10, "none.pem": None, "away.pem": None,
    }  # fmt: skip
    both = authorities_in_file("It", tmp_path / "both.pem")
    assert both is not None
    assert both.days_left(NOW) == 500, "of authorities one is enough; of a chain the first counts"
    settings = BrokerSettings(url="mqtts://h", ca_file=tmp_path / "long.pem", client_certificate=tmp_path / "short.pem")
    said = [one.warning(NOW) for one in files_for_broker(settings)]
    assert said == [None, f"The client certificate for the MQTT broker, {tmp_path}/short.pem, expires on 10/12/2026."]


@pytest.mark.servers
def test_servers(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    expected = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes()).not_valid_after_utc
    with showing(tmp_path) as port:
        found = shown_at("The certificate of the broker", f"mqtts://localhost:{port}", 5)
        assert found is not None, "trusted by nobody, and still it has a day"
        assert (found.what, found.until) == (f"The certificate of the broker, localhost:{port},", expected)
        assert shown_at("It", f"mqtt://localhost:{port}", 5) is None
        assert shown_at("It", "", 5) is None
    assert shown_at("It", f"https://localhost:{port}", 5) is None, "nobody answers"
