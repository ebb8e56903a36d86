"""Users of the broker: one per gateway, or two while its password is being replaced.

The second one is called `gw-1.2`, the next `gw-1.3`: names of gateways have no full stop. Both may do the same, so the gateway goes on with
the old one until a technician has brought it the new one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vrijloop.deployment.broker import password_lines

INSIDE = ("ingest", "simulator")
"""Users that are no gateways of somebody's."""
_GENERATION = re.compile(r"(?P<gateway>[^.]+)(\.(?P<number>\d+))?")


def users_in(passwords: str) -> list[str]:
    """The users in the text of a password file, in its order."""
    return [line.partition(":")[0] for line in passwords.splitlines() if line]


def gateway_of(user: str) -> str:
    return user.partition(".")[0]


def gateways_in(passwords: str) -> dict[str, list[str]]:
    """Gateway to its users, the oldest first."""
    found: dict[str, list[str]] = {}
    for user in users_in(passwords):
        if user != "ingest":
            found.setdefault(gateway_of(user), []).append(user)
    return {gateway: sorted(users, key=_number) for gateway, users in found.items()}


def next_user(users: Sequence[str]) -> str:
    """The name that follows on those which a gateway has."""
    newest = max(users, key=_number)
    return f"{gateway_of(newest)}.{_number(newest) + 1}"


def with_password(passwords: str, user: str, password: str) -> str:
    """The text with another password for the user, who is added where there is none of that name."""
    line = password_lines({user: password})
    if user not in users_in(passwords):
        return passwords + line
    return "".join(line if one.partition(":")[0] == user else f"{one}\n" for one in passwords.splitlines())


def without(passwords: str, users: Sequence[str]) -> str:
    return "".join(f"{line}\n" for line in passwords.splitlines() if line.partition(":")[0] not in users)


def _number(user: str) -> int:
    found = _GENERATION.fullmatch(user)
    return int(found["number"]) if found is not None and found["number"] is not None else 1
