"""Requests are answered in several threads, and each of them finds the stems of words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sharing_platform.search.text import stems_of

WORDS = [f"{start}{end}" for start in ("frezen", "draai", "soudage", "machin", "bearbeit", "rectifi") for end in ("werken", "ation", "ings", "ement", "eren", "ables", "isme", "iteit")] * 20  # fmt: skip


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.long
@pytest.mark.usefixtures("many_switches")
def test_threads_do_not_spoil_each_others_stems() -> None:
    alone = {word: stems_of.__wrapped__(word) for word in WORDS}
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda word: (word, stems_of.__wrapped__(word)), WORDS * 4))
    assert all(stems == alone[word] for word, stems in found)
