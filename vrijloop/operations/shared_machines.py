"""The factory's machines as the sharing platform knows them. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import httpx2

from analytics.http_answers import get_answer
from analytics.policy.policy import Policy
from sharing_platform.industry_formats.description import MachineDescription, missing_of
from sharing_platform.search.machine_details import MachineDetails
from stores.configuration import read_secret
from telemetry import SystemClock, UserError, load_settings
from vrijloop.server_settings import ServerSettings

_TIMEOUT_S, _WHOLE_S = 30.0, 120.0
_MOST_BYTES = 50_000_000
"""A factory with thousands of machines stays far below."""


@dataclass(frozen=True)
class SharedMachines:
    """`url`: of the platform; `now`: in the factory's zone."""

    url: str
    token: str
    factory: str
    now: datetime

    @classmethod
    def of(cls, config: Path) -> SharedMachines:
        """Of the factory whose server has this configuration. Raises UserError."""
        settings = load_settings(config, ServerSettings)
        if settings.platform is None:
            raise UserError(f"{config} has no [platform]: what a machine can do is described there.")
        policy = load_settings(settings.policy, Policy)
        token = read_secret(settings.platform.token_file, "platform token")
        now = SystemClock().now().astimezone(ZoneInfo(policy.zone))
        return cls(settings.platform.url.rstrip("/"), token, policy.factory, now)

    def capability(self, machine: str | None) -> Any:
        """As the API gives it. Raises UserError."""
        which = f"machines/{self.factory}/{quote(machine, safe='')}" if machine else f"factories/{self.factory}"
        return self._get(f"{which}/capability", machine)

    def machine(self, name: str) -> MachineDescription:
        """Raises UserError."""
        found = self._get(f"machines/{self.factory}/{quote(name, safe='')}", name)
        details = {key: value for key, value in found["details"].items() if key in MachineDetails.model_fields}
        return MachineDescription(
            self.factory,
            found["factory_name"] or self.factory,
            name,
            found["title"],
            found["process"],
            MachineDetails.model_validate(details),
        )

    def _get(self, path: str, machine: str | None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            answer = get_answer(f"{self.url}/api/v1/{path}", _TIMEOUT_S, _WHOLE_S, _MOST_BYTES, headers)
        except httpx2.HTTPError as error:
            raise UserError(f"the platform at {self.url} does not answer ({error}).") from error
        if answer.status_code == 404:
            what = f"machine {machine!r}" if machine else "machine"
            raise UserError(f"the platform at {self.url} knows no {what} of {self.factory}.")
        if not answer.is_success:
            raise UserError(f"the platform at {self.url} answered {answer.status_code}: {answer.text[:200]}")
        try:
            return answer.json()
        except (ValueError, RecursionError) as error:
            raise UserError(f"what the platform at {self.url} answers cannot be read ({error}).") from error


def shell(machines: SharedMachines, name: str, site: str | None, package: bool) -> tuple[bytes, list[str]]:
    """The Asset Administration Shell of a machine, as AASX or as JSON, and what is not said of it. `site`: the platform's public address, if the server knows it by another.
    Raises UserError."""
    try:
        from sharing_platform.industry_formats.shell import as_json, as_package, shell_of
    except ImportError as error:
        raise UserError(
            f"Asset Administration Shells need a package that is not installed ({error}): pip install 'vrijloop[aas]'."
        ) from error
    described = machines.machine(name)
    found = shell_of(described, (site or machines.url).rstrip("/"), machines.now.date())
    return as_package(found) if package else as_json(found).encode(), missing_of(described, "en")
