"""Whether two names of organisations are nearly the same: `Genk Toelevering NV` and `genk-toelevering`. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_LEGAL_FORMS = frozenset(
    [
        "ag",
        "asbl",
        "bv",
        "bvba",
        "comm",
        "commv",
        "cv",
        "cvba",
        "ebvba",
        "eurl",
        "gmbh",
        "inc",
        "kg",
        "ltd",
        "nv",
        "plc",
        "sa",
        "sarl",
        "sas",
        "sc",
        "scrl",
        "se",
        "snc",
        "sprl",
        "srl",
        "ug",
        "vof",
        "vzw",
    ]
)
_NEARLY = 0.9
"""Of `difflib`: one letter of ten or so differs."""


def resembling(name: str, known: Mapping[str, str]) -> list[str]:
    """The ids of those in `known` (id to name) whose name, or id, is nearly this one; in order."""
    wanted = _plain(name)
    written: dict[str, set[str]] = {}
    for one, called in known.items():
        for plain in {_plain(one), _plain(called)}:
            if _digits(plain) == _digits(wanted):  # `Hal 2` and `Hal 3` are two factories
                written.setdefault(plain, set()).add(one)
    return sorted(_of(written, get_close_matches(wanted, written, n=len(written) or 1, cutoff=_NEARLY)))


def _of(written: Mapping[str, set[str]], close: Iterable[str]) -> set[str]:
    return {one for plain in close for one in written[plain]}


def _plain(name: str) -> str:
    """Without accents, capitals, punctuation and legal form."""
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", re.sub(r"[.']", "", ascii_name))
    return "".join(word for word in words if word not in _LEGAL_FORMS) or "".join(words) or name.casefold()


def _digits(plain: str) -> str:
    return re.sub(r"\D", "", plain)
