"""Normalisation of words for the search: case folding, stemming (Snowball: Dutch, French, English), synonyms."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from threading import Lock

import snowballstemmer

from sharing_platform.search.vocabulary import PROCESSES, SYNONYMS

_WORD = re.compile(r"[a-z0-9]+(?:[-.][a-z0-9]+)*")
_STEMMERS = tuple(snowballstemmer.stemmer(language) for language in ("dutch", "french", "english"))
_ONE_AT_A_TIME = Lock()
"""A stemmer holds the word that it works on: two threads in it at once get each other's stems, or an IndexError."""
_MAX_QUERY_WORDS = 12
_SHORTEST_STEM = 4

STOP_WORDS = frozenset(
    [
        "de",
        "het",
        "een",
        "en",
        "of",
        "van",
        "voor",
        "met",
        "op",
        "in",
        "te",
        "aan",
        "bij",
        "ik",
        "wij",
        "zoek",
        "gezocht",
        "nodig",
        "uur",
        "uren",
        "le",
        "la",
        "les",
        "un",
        "une",
        "des",
        "du",
        "et",
        "ou",
        "pour",
        "avec",
        "sur",
        "dans",
        "je",
        "nous",
        "cherche",
        "heures",
        "the",
        "a",
        "an",
        "and",
        "or",
        "of",
        "for",
        "with",
        "on",
        "at",
        "to",
        "i",
        "we",
        "need",
        "wanted",
        "looking",
        "hours",
        "hour",
    ]
)


def folded(text: str) -> list[str]:
    """Words in lower case without accents; `5-axis` stays one word."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return _WORD.findall(
        "".join(character for character in plain if not unicodedata.combining(character)).replace("'", " ")
    )


@lru_cache(maxsize=50_000)
def stems_of(word: str) -> frozenset[str]:
    """The word and its stem in each language, since the language is not known. Short stems are left out, because they coincide by chance: the Dutch
    `lassen` and the French `laser` both become `las`."""
    with _ONE_AT_A_TIME:
        stems = [stemmer.stemWord(word) for stemmer in _STEMMERS]
    return frozenset({word, *(stem for stem in stems if len(stem) >= _SHORTEST_STEM)})


@cache
def _groups() -> tuple[tuple[frozenset[str], ...], ...]:
    """Each group of synonyms, with the words of each member."""
    groups: list[Iterable[str]] = [(*process.names.values(), *process.words) for process in PROCESSES]
    groups += SYNONYMS
    return tuple(tuple(frozenset(folded(member)) for member in group) for group in groups)


@cache
def _synonyms() -> dict[str, frozenset[str]]:
    """From a stem to all stems with the same meaning. Members of several words are left out: `centre` alone does not mean milling."""
    found: dict[str, set[str]] = {}
    for group in _groups():
        single = [next(iter(member)) for member in group if len(member) == 1]
        together = {stem for word in single for stem in stems_of(word)}
        for word in single:
            for stem in stems_of(word):
                found.setdefault(stem, set()).update(together)
    return {stem: frozenset(together) for stem, together in found.items()}


@lru_cache(maxsize=4000)
def text_stems(*texts: str) -> frozenset[str]:
    """The stems under which texts are found. A phrase such as "centre d'usinage" or "5 axes" counts as what it means.

    Each search reads the same texts of all that is shared: they are kept for as many listings as are compared (8 kB for a long one)."""
    words = [word for text in texts for word in folded(text)]
    stems = {stem for word in words for part in (word, *_parts(word)) for stem in stems_of(part)}
    present = set(words)
    for group in _groups():
        for member in group:
            if len(member) > 1 and member <= present:
                stems.update(stem for word in member for stem in stems_of(word))
                stems.update(_single_stems(group))
    return frozenset(stems)


@lru_cache(maxsize=2000)
def query_stems(query: str) -> tuple[frozenset[str], ...]:
    """For each word of a query, and each phrase that has synonyms ("5 axes", "roestvast staal"): the stems that match it. What is sought by wishes that stand is looked for every half a minute."""
    written = folded(query)
    phrases, written = _phrases_in(written)
    words = [word for word in written if word not in STOP_WORDS]
    wanted = [frozenset(_single_stems(group)) for group in dict.fromkeys(phrases)]
    for word in dict.fromkeys(words):
        stems = set(stems_of(word))
        for stem in stems_of(word):
            stems |= _synonyms().get(stem, frozenset())
        wanted.append(frozenset(stems))
    return tuple(wanted[:_MAX_QUERY_WORDS])


def _phrases_in(words: Sequence[str]) -> tuple[list[tuple[frozenset[str], ...]], list[str]]:
    """The groups of which a phrase stands in the query, and the words that belong to none."""
    found, left, place = list[tuple[frozenset[str], ...]](), list[str](), 0
    while place < len(words):
        at_place = ((group, member) for group in _groups() for member in group if _stands_at(member, words, place))
        group, member = max(at_place, key=lambda one: len(one[1]), default=((), frozenset()))
        if group:
            found.append(group)
        else:
            left.append(words[place])
        place += len(member) or 1
    return found, left


def _stands_at(member: frozenset[str], words: Sequence[str], place: int) -> bool:
    return len(member) > 1 and words[place] in member and set(words[place : place + len(member)]) == member


def phrase_stems(phrase: str) -> tuple[frozenset[str], ...]:
    """What a text must contain to match a phrase: each of its words, or a synonym of the whole (roestvast staal: inox)."""
    whole = frozenset(folded(phrase))
    for group in _groups():
        if len(whole) > 1 and whole in group:
            return (frozenset(_single_stems(group)),)
    return query_stems(phrase)


def _single_stems(group: tuple[frozenset[str], ...]) -> set[str]:
    return {stem for member in group if len(member) == 1 for stem in stems_of(next(iter(member)))}


def _parts(word: str) -> list[str]:
    """`din-4063` is found by `4063` too."""
    return re.split(r"[-.]", word) if "-" in word or "." in word else []
