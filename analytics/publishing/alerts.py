"""Situations that require a person to act: what they are, and the sentence that says so in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from analytics.i18n import Translator, texts
from analytics.policy.policy import NOT_NAMED
from telemetry import rfc3339


@dataclass(frozen=True, slots=True)
class Alert:
    """`values`: what its sentence says beside the machine; `start` and `end` are those of the hours in question."""

    kind: str
    machine: str
    booking: str
    values: Mapping[str, datetime | str]

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.machine}/{self.booking}"

    @property
    def _text(self) -> str:
        return f"alert_{self.kind}{'_unnamed' if self.values.get('what') == NOT_NAMED else ''}"

    @property
    def sentence(self) -> str:
        """For logs and scripts: English, with times in UTC (RFC 3339)."""
        return texts("en")[self._text].format(machine=self.machine, **self.plain_values())

    def written(self, translator: Translator) -> str:
        """For people: in their language and the factory's time zone."""
        return translator(self._text, machine=self.machine, **self.values)

    def plain_values(self) -> dict[str, str]:
        """The values with times in UTC (RFC 3339)."""
        return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in self.values.items()}
