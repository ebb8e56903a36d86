"""The demo's region: factories and organisations, which share, look for and ask for things through the platform's API in the fortnight before the demo is started.

The script (`fortnight.toml`) is played while the platform's clock goes through that fortnight, so that what was asked, answered and done has the dates that it would have.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

from vrijloop.demo.script import Step, filled_in, moment, moments_in, steps_in_order
from vrijloop.demo.verbs import VERBS, Cast, Stage, told

EVERY = timedelta(hours=12)
"""How often at least the platform does what it does by itself while the fortnight passes, and how often at most it looks for what matches notices."""
_METHODS = ("POST", "PUT", "DELETE")


def begin_of_script(now: datetime) -> datetime:
    """When the first of its people does something."""
    return moment(_script(now)[0].at, now)


class Region:
    """`now`: the present, to which the fortnight leads. `opened` closes what people have opened."""

    def __init__(self, stage: Stage, now: datetime, opened: ExitStack) -> None:
        self._steps = _script(now)
        self._cast = Cast(stage, now, opened)

    def play_fortnight(self, url: str) -> None:
        """All that lies before now, which the platform's clock then shows. `url`: where the platform is reached. Raises UnavailableError."""
        self._cast.meet_at(url)
        stage, now = self._cast.stage, self._cast.now
        steps = [step for step in self._steps if not step.is_last]
        begin = begin_of_script(now)
        # Where hours begin and end, and twice a day for what else is due.
        said = [*(step.body for step in steps), *self._cast.told["listing"].values()]
        due = {one for body in said for one in moments_in(body, now) if begin < one < now} | {now}
        due |= {begin + EVERY * count for count in range((now - begin) // EVERY + 1)}
        steps_at = defaultdict[datetime, list[Step]](list)
        for step in steps:
            steps_at[moment(step.at, now)].append(step)
        for present in sorted(due | steps_at.keys()):
            stage.clock.put(present)
            if present in due:
                stage.catch_up()
            for step in steps_at[present]:
                self._do(step)

    def play_present(self, url: str) -> None:
        """What waits for the factories' hours. Raises UnavailableError."""
        self._cast.meet_at(url)
        for step in self._steps:
            if step.is_last:
                self._do(step)

    def _do(self, step: Step) -> None:
        cast = self._cast
        what, body = (filled_in(one, cast.known, cast.now) for one in (step.what, step.body))
        if step.does in _METHODS:
            answer = cast.members[step.who].send(step.does, what, **body)
        else:
            answer = VERBS[step.does](cast, replace(step, what=what, body=body))
        if answer is not None:
            cast.known[step.name or what] = answer


def _script(now: datetime) -> list[Step]:
    return steps_in_order(told("fortnight.toml")["steps"], now)
