"""Finds which machines a text names: by id, title or alias, as people write them. Pure."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

from analytics.policy.policy import Policy

_TAG = re.compile(r"<[^>]*>")
_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_Tokens = tuple[str, ...]


class MachineNames:
    """The names of `machines`, and of those that the policy has a table for."""

    def __init__(self, policy: Policy, machines: Iterable[str]) -> None:
        self.machines = tuple(sorted({*machines, *policy.machine}))
        self._named: dict[_Tokens, set[str]] = {}
        for machine in self.machines:
            table = policy.machine.get(machine)
            aliases = table.aliases if table is not None else ()
            for name in (machine, policy.for_machine(machine).title or "", *aliases):
                if tokens := _tokens(name):
                    self._named.setdefault(tokens, set()).add(machine)
        self._longest = max((len(tokens) for tokens in self._named), default=0)

    def named_in(self, text: str) -> tuple[str, ...]:
        """All machines that the text names. "Frees 1", "FREES_01" and "frees1" name `frees-1`, "frees 12" does not; where one name is a part of
        another, such as "frees" of "frees 1", the longer one is meant."""
        tokens = _tokens(text)
        spans = [
            (first, last)
            for first in range(len(tokens))
            for last in range(first + 1, min(first + self._longest, len(tokens)) + 1)
            if tokens[first:last] in self._named
        ]
        whole = [one for one in spans if not any(one != other and _within(one, other) for other in spans)]
        return tuple(sorted({machine for first, last in whole for machine in self._named[tokens[first:last]]}))


def _within(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return other[0] <= one[0] and one[1] <= other[1]


def _tokens(text: str) -> _Tokens:
    """Words and numbers, without case, accents, leading zeros, punctuation and the HTML of Google's descriptions."""
    plain = unicodedata.normalize("NFKD", html.unescape(_TAG.sub(" ", text)).casefold())
    letters = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return tuple(token.lstrip("0") or "0" if token.isdecimal() else token for token in _TOKEN.findall(letters))
