"""What an installation of Vrijloop consists of, by the metadata of the packages that are installed here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE: Mapping[str, str] = {}
"""The environment of this Python."""


def required(
    name: str, extras: Sequence[str] = (), environment: Mapping[str, str] = HERE
) -> Iterator[tuple[Distribution, frozenset[str]]]:
    """The package itself with these extras and all that it requires, in turn, in `environment` (such as `{"python_version": "3.13"}`): each with the
    names of what it requires directly. What would be needed there and is not installed here is left out."""
    waiting: list[tuple[str, str]] = [(canonicalize_name(name), extra) for extra in ("", *extras)]
    needed: dict[str, set[str]] = {}
    found: dict[str, Distribution] = {}
    seen = set[tuple[str, str]]()
    while waiting:
        now = waiting.pop()
        if now in seen:
            continue
        seen.add(now)
        own, extra = now
        try:
            found.setdefault(own, distribution(own))
        except PackageNotFoundError:
            continue
        for text in found[own].requires or ():
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({**environment, "extra": extra}):
                other = canonicalize_name(wanted.name)
                if other != own:  # an extra may be made of others of the same package
                    needed.setdefault(own, set()).add(other)
                waiting += [(other, more) for more in ("", *wanted.extras)]
    for own, one in found.items():
        yield one, frozenset(needed.get(own, ())) & found.keys()
