"""Makes new inputs of those of a corpus, as fuzzers do."""

from __future__ import annotations

import random
from collections.abc import Sequence

WORDS = (
    b"\0", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"%00", "ﷺ".encode(), b"1e999", b"NaN", b"-0", b"9" * 400, b"[" * 3000, b"{\"a\":" * 1500, b"9999-12-31",
    b"0001-01-01", b"\r\n", b"..", b"<", b"&", b"\x80\0\0\0\0\0\0\0", b"\x7f\xf0\0\0\0\0\0\0", b"null", b'""',
)  # fmt: skip
"""Trouble in the notations that are read."""
_LONGEST = 100_000


def mutated(chance: random.Random, corpus: Sequence[bytes]) -> bytes:
    """One of the inputs with some changes."""
    data = bytearray(chance.choice(corpus))
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        first, last = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
        match chance.randrange(6):
            case 0 if data:
                data[min(first, len(data) - 1)] = chance.randrange(256)
            case 1:
                data[first:first] = chance.choice(WORDS)
            case 2:
                del data[first : min(last, first + 40)]
            case 3:
                data[first:first] = data[first:last] * chance.choice((1, 2, 20))
            case 4:
                other = chance.choice(corpus)
                data[first:] = other[chance.randint(0, len(other)) :]
            case _:
                data[first:last] = chance.choice(WORDS)
        del data[_LONGEST:]
    return bytes(data)
