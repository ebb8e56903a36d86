"""Something as the feed says it, or why it does not: what is beyond the bounds of what neighbours take is left out alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from sharing_platform.federation.merging import digest_of

Content = Mapping[str, Any]
FullKey = tuple[str, str, str]
"""Whose it is (`models.EVERYBODY` for what goes to all), kind and id."""
_TITLE, _FIELD = 200, 100


@dataclass(frozen=True)
class LeftOut:
    """`field`: the one whose value is beyond its bounds. Both are cut to what is kept of them."""

    title: str
    field: str


@dataclass(frozen=True)
class Written:
    """`content` None: it is not shared. `state`: from what it was written, for what need not be written anew while that stays."""

    content: Content | None
    digest: str = ""
    left_out: LeftOut | None = None
    state: object = None


def write(title: str, make: Callable[[], BaseModel | None], state: object = None) -> Written:
    """`make`: makes the message; None where there is nothing to share. `title`: by which the administrator knows it."""
    try:
        made = make()
    except ValidationError as error:
        return Written(
            None, left_out=LeftOut(title[:_TITLE], ".".join(map(str, error.errors()[0]["loc"]))[:_FIELD]), state=state
        )
    if made is None:
        return Written(None, state=state)
    content = made.model_dump(mode="json", exclude={"id", "kind"}, exclude_defaults=True)
    return Written(content, digest_of(content), state=state)
