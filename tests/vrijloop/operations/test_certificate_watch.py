"""The certificates that a factory's server depends on: in its status, metrics, dashboards and doctor."""

from __future__ import annotations

from pathlib import Path

import pytest

from telemetry import SystemClock, load_settings
from tests.certificates import make_certificates, showing
from tests.servers import free_port
from vrijloop.operations.certificate_watch import CertificateWatch, certificate_findings
from vrijloop.server_settings import ServerSettings

CLOCK = SystemClock()


def settings(folder: Path, port: int, ca: str) -> ServerSettings:
    config = folder / "server.toml"
    config.write_text(
        f'token_file = "x"\npolicy = "y"\nurl = "https://localhost:{port}"\n[mqtt]\nurl = "mqtts://localhost:{port}"\nca_file = "{folder}/{ca}"\n'
        f'[store]\nkind = "influxdb"\nurl = "http://localhost:{free_port()}"\ntoken_file = "z"\n'
        f'[platform]\nurl = "https://localhost:{port}"\ntoken_file = "x"\n'
        f'[identity_provider]\nlabel = "Hal 2"\nissuer = "https://localhost:{port}/realms/hal-2"\nclient_id = "x"\nclient_secret_file = "x"\n'
        '[identity_provider.allow]\nemails = ["eva@hal2.example"]\n'
    )
    return load_settings(config, ServerSettings)


@pytest.mark.servers
def test_what_a_server_depends_on(tmp_path: Path) -> None:
    make_certificates(tmp_path)
    with showing(tmp_path) as port:
        wanted = settings(tmp_path, port, "ca.pem")
        watch = CertificateWatch(wanted, "genk", CLOCK)
        watch.look()
        whose = [row["what"].partition(",")[0] for row in watch.status()]
        assert sorted(whose) == [
            "The authority of the MQTT broker", "The certificate of the MQTT broker", "The certificate of the control room", "The certificate of the identity provider", "The certificate of the platform",
        ]  # fmt: skip
        assert all("expires on" in row["problem"] for row in watch.status())
        assert {point.fields["days_left"] for point in watch.points()} == {0}
        (metric,) = watch.collect()
        assert [(sample.name, sample.value) for sample in metric.samples] == [("vrijloop_certificate_days_left", 0)] * 5
        findings = list(certificate_findings(wanted, CLOCK))
        assert [one.level for one in findings] == ["warning"] * 3, "broker and platform are verified elsewhere"
        assert all("vrijloop secrets rotate" in one.mend for one in findings)
    watch.look()
    assert len(watch.status()) == 5, "of servers that are away, what was seen before still holds"


def test_without_tls_there_is_nothing_to_expire(tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text('token_file = "x"\npolicy = "y"\n')
    watch = CertificateWatch(load_settings(config, ServerSettings), "genk", CLOCK)
    watch.look()
    assert (watch.status(), watch.points()) == ([], [])
