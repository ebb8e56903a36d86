"""The certificates that a server depends on, looked at each hour, for its status, metrics and dashboards; and for the doctor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prometheus_client.core import GaugeMetricFamily, Metric

from stores import Point
from stores.points import health_time
from telemetry import Clock
from telemetry.certificates import Certificate, files_for_broker, shown_at
from telemetry.measurements import CERTIFICATE
from vrijloop.operations.finding import Finding
from vrijloop.server_settings import ServerSettings

LOOK_EVERY_S = 3600.0
"""A server that begins together with its broker, after a power failure, does not find it there the first time."""
_TIMEOUT_S = 5.0


def certificates_of(settings: ServerSettings) -> Iterator[Certificate]:
    """Those of the servers that it connects to, of the address at which people open the control room, and in its own files."""
    yield from _shown(
        ("The certificate of the MQTT broker", settings.mqtt.url),
        ("The certificate of the platform", settings.platform.url if settings.platform is not None else ""),
    )
    yield from _others(settings)


def certificate_findings(settings: ServerSettings, clock: Clock) -> Iterator[Finding]:
    """For the doctor: all but those of broker and platform, which it verifies as well."""
    now = clock.now()
    for one in _others(settings):
        said = one.warning(now)
        if said is None:
            yield Finding("certificates", "ok", f"{one.what} is valid until {one.until:%d/%m/%Y}.")
        else:
            mend = "Replace it: `vrijloop secrets rotate`, or where it comes from."
            yield Finding("certificates", "warning", said, mend)


def _others(settings: ServerSettings) -> Iterator[Certificate]:
    provider = settings.identity_provider
    yield from files_for_broker(settings.mqtt)
    yield from _shown(
        ("The certificate of the control room", settings.url or ""),
        ("The certificate of InfluxDB", settings.store.url or ""),
        ("The certificate of the identity provider", provider.issuer if provider is not None else ""),
    )


def _shown(*servers: tuple[str, str]) -> Iterator[Certificate]:
    for what, url in servers:
        if (found := shown_at(what, url, _TIMEOUT_S)) is not None:
            yield found


class CertificateWatch:
    """Also a collector for a Prometheus registry."""

    def __init__(self, settings: ServerSettings, factory: str, clock: Clock) -> None:
        self._settings = settings
        self._factory = factory
        self._clock = clock
        self._found: Sequence[Certificate] = ()

    def look(self) -> None:
        """Of a server that does not answer, what was seen before still holds."""
        found = {one.what: one for one in self._found} | {one.what: one for one in certificates_of(self._settings)}
        self._found = sorted(found.values(), key=lambda one: one.until)

    def status(self) -> list[dict[str, Any]]:
        """The first to expire comes first."""
        now = self._clock.now()
        return [one.row(now) for one in self._found]

    def points(self) -> list[Point]:
        at = health_time(self._clock.now())
        return [
            Point(
                CERTIFICATE, {"factory": self._factory, "certificate": row["what"]}, at, {"days_left": row["days_left"]}
            )
            for row in self.status()
        ]

    def collect(self) -> Iterator[Metric]:
        days = GaugeMetricFamily(
            "vrijloop_certificate_days_left", "Days until the certificate expires", labels=["certificate"]
        )
        for row in self.status():
            days.add_metric([row["what"]], row["days_left"])
        yield days
