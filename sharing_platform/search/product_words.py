"""What words about a product say of how it is made: processes, materials, size and number, in Dutch, French and English. Pure.

Behuizing van aluminium, 120 x 80 x 40 mm, frezen en anodiseren, 200 stuks  ─▶  milling, galvanising; aluminium; 120 × 80 × 40; 200
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from sharing_platform.search.criteria import ListingKind, Wish
from sharing_platform.search.text import STOP_WORDS, folded, stems_of
from sharing_platform.search.vocabulary import KIND_WORDS, MATERIALS, PROCESSES, known_process

_SIDE = r"(\d{1,5}(?:[.,]\d{1,2})?)"
_SIZE = re.compile(rf"\b{_SIDE}\s*(?:mm)?\s*[x×*]\s*{_SIDE}\s*(?:mm)?\s*[x×*]\s*{_SIDE}\s*(mm|cm)?\b", re.IGNORECASE)
_NUMBER = re.compile(
    r"\b(\d{1,6})\s*(?:stuks?|st\.|exemplaren|pièces?|exemplaires|pieces?|pcs|parts|units)(?!\w)", re.IGNORECASE
)
_PER_CM = 10
_SHORTEST_STEM = 5


@dataclass(frozen=True)
class ProductWords:
    """`processes` by code, in the order in which they are named; `materials` as factories write them; `size_mm` and `number` where they are said."""

    processes: tuple[str, ...] = ()
    materials: tuple[str, ...] = ()
    size_mm: tuple[float, float, float] | None = None
    number: int | None = None


def read_product(words: str) -> ProductWords:
    """What is not understood is left out."""
    number = _NUMBER.search(words)
    return ProductWords(
        processes=processes_named(words),
        materials=_named(words, _material_words()),
        size_mm=_size(words),
        number=int(number.group(1)) if number is not None and int(number.group(1)) else None,
    )


def processes_of(wish: Wish) -> tuple[str, ...]:
    """The codes of the processes that somebody looks for: the one that is chosen, else those that the words name."""
    known = known_process(wish.process)
    return (known.code,) if known is not None else processes_named(wish.words)


def with_kind(wish: Wish) -> Wish:
    """As a search for the kind of listing that is chosen or, else, the first that the words name, by its other words; unchanged where there is none: a search for machines."""
    named = [kind for word in folded(wish.words) if (kind := _kinds_by_word().get(word)) is not None]
    kind = wish.subject if wish.subject != "machine" else next(iter(named), None)
    if kind is None:
        return wish
    left = (word for word in wish.words.split() if kind not in map(_kinds_by_word().get, folded(word)))
    return wish.model_copy(update={"subject": kind, "words": " ".join(left)})


def processes_named(words: str) -> tuple[str, ...]:
    """The codes of the processes that are named, in their order."""
    return _named(words, _process_words())


def _size(words: str) -> tuple[float, float, float] | None:
    match = _SIZE.search(words)
    if match is None:
        return None
    factor = _PER_CM if (match.group(4) or "").casefold() == "cm" else 1
    x, y, z = (float(side.replace(",", ".")) * factor for side in match.groups()[:3])
    return (x, y, z) if min(x, y, z) > 0 else None


@dataclass(frozen=True)
class _Names:
    """What words name: written so, by a stem, or several together."""

    words: dict[str, str]
    stems: dict[str, str]
    together: tuple[tuple[frozenset[str], str], ...]

    def meaning(self, word: str) -> str | None:
        """The word itself before its stems, which other words may share; a short stem is shared by chance (`plaat`, plating)."""
        stems = sorted(stems_of(word) - {word}, key=len, reverse=True)
        for found in (word, *stems):
            if found in self.words:
                return self.words[found]
        return next((self.stems[stem] for stem in stems if stem in self.stems), None)


def _named(text: str, names: _Names) -> tuple[str, ...]:
    written = [word for word in folded(text) if word not in STOP_WORDS]
    present, used = set(written), set[str]()
    found: dict[str, int] = {}
    for group, name in names.together:
        if group <= present:
            found.setdefault(name, min(written.index(word) for word in group))
            used |= group
    for place, word in enumerate(written):
        meant = names.meaning(word) if word not in used else None
        if meant is not None:
            found.setdefault(meant, place)
    return tuple(sorted(found, key=lambda name: found[name]))


def _names_of(groups: list[tuple[str, tuple[str, ...]]]) -> _Names:
    """Of each thing its names. Where two things share one, the thing that stands first keeps it."""
    words: dict[str, str] = {}
    stems: dict[str, str] = {}
    together: list[tuple[frozenset[str], str]] = []
    for name, texts in groups:
        for text in texts:
            members = [word for word in folded(text) if word not in STOP_WORDS]
            if len(members) > 1:
                together.append((frozenset(members), name))
                continue
            words.setdefault(members[0], name)
            for stem in stems_of(members[0]):
                if len(stem) >= _SHORTEST_STEM:
                    stems.setdefault(stem, name)
    return _Names(words, stems, tuple(together))


@cache
def _kinds_by_word() -> dict[str, ListingKind]:
    return {folded(word)[0]: kind for kind, words in KIND_WORDS.items() for word in words}


@cache
def _process_words() -> _Names:
    """Names before other words: of `spuitgieten`, injection moulding bears the name and casting has it among its words."""
    named = [(process.code, tuple(process.names.values())) for process in PROCESSES]
    return _names_of([*named, *((process.code, process.words) for process in PROCESSES)])


@cache
def _material_words() -> _Names:
    return _names_of([(group[0], group) for group in MATERIALS])
