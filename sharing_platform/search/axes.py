"""The number of axes in words, as people write it in Dutch, French, English and German. Pure.

5-assig frezen  ─▶  5; frezen
"""

from __future__ import annotations

import re

_NUMBERS = {
    "drie": 3, "trois": 3, "three": 3, "drei": 3, "vier": 4, "quatre": 4, "four": 4, "vijf": 5, "cinq": 5, "five": 5, "fünf": 5,
    "zes": 6, "six": 6, "sechs": 6, "zeven": 7, "sept": 7, "seven": 7, "sieben": 7,
}  # fmt: skip
_COUNT = rf"([3-9]|{'|'.join(_NUMBERS)})"
# "10 assen draaien" turns ten shafts, and so may "8 assen"; a hyphen, or six and less, means the machine's.
_AXES = re.compile(
    rf"(?<![\w,.-])(?:{_COUNT}[\s-]*(?:assig(?:e|en)?|assers?|ax[ei]s|axis|achsig(?:e|en|er|es)?|achsen?|achser|achs)|{_COUNT}-?as(?:sen)?|([3-6]|drie|vier|vijf|zes) assen)(?![\w-])",
    re.IGNORECASE,
)


def axes_named(words: str) -> tuple[int | None, str]:
    """The number of axes that the words name, and the other words. None where they name none, or several: those stay words."""
    found = list(_AXES.finditer(words))
    if len(found) != 1:
        return None, words
    named = next(group for group in found[0].groups() if group is not None).casefold()
    rest = f"{words[: found[0].start()]} {words[found[0].end() :]}"
    return _NUMBERS.get(named) or int(named), " ".join(rest.split())
