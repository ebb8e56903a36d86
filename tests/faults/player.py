"""Plays a schedule of faults on a region, and notes what of its machines nobody could know meanwhile."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from telemetry import SystemClock
from tests.disks import fill
from tests.faults.region import HEARTBEAT_S, Region, machines_of
from tests.faults.schedule import Event, Fault
from tests.faults.torn import tear, tear_unfinished
from tests.faults.truth import Excuse

_CLOCK = SystemClock()
_AGENT_STEP_S, _STEP_S = (2.0, 15.0), (2.0, 200.0)
"""How far a clock jumps. Machines' times are wrong by as much, so an agent's jumps less far; all others take reports that are up to five minutes ahead."""
_LAST_KNOWN = timedelta(seconds=HEARTBEAT_S + 1.0)
"""How long before its end an agent may last have told of a machine that did not change."""
_FIRST_KNOWN = timedelta(seconds=2.0)
_LOOK_EVERY_S = 0.25


@dataclass
class Played:
    """A fault as it took place."""

    event: Event
    began: datetime
    over: datetime
    step_s: float = 0.0


class Player:
    """Plays one schedule after the other. `excuses` of earlier ones still count: a clock that was set back takes a while."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self.played: list[Played] = []
        self._lost: dict[str, list[datetime]] = {"agent-1": [], "agent-2": []}
        """When each agent did not have all its machines."""

    def play(self, events: Sequence[Event]) -> None:
        """Return when all faults are over. Raises the first error of the player itself."""
        began, errors = time.monotonic(), list[BaseException]()

        def play_one(event: Event) -> None:
            try:
                _sleep_until(began + event.at)
                self.played.append(self._play(event))
            except BaseException as error:
                errors.append(error)

        threads = [threading.Thread(target=play_one, args=(event,)) for event in events]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            raise errors[0]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note when the agents have no contact with their machines."""
        ending = threading.Event()
        threads = [threading.Thread(target=self._watch, args=(agent, ending)) for agent in self._lost]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            ending.set()
            for thread in threads:
                thread.join()

    def excuses(self, machine: str) -> list[Excuse]:
        agent = next(one for one in self._lost if machine in machines_of(one))
        own = (agent, agent.replace("agent", "machines"), f"{agent}>{agent.replace('agent', 'machines')}")
        found = []
        mine = [one for one in self.played if one.event.target in own]
        steps = [one for one in mine if one.event.fault is Fault.CLOCK_STEP]
        for one in mine:
            if one.event.fault is Fault.CLOCK_STEP:
                # Over OPC UA the machine tells when something happened, and the gateway's clock does not matter.
                if agent == "agent-2":
                    over = one.over + timedelta(seconds=abs(one.step_s)) + _FIRST_KNOWN
                    found.append(Excuse(one.began - _LAST_KNOWN, over, wrong=True))
                continue
            lost = [moment for moment in self._lost[agent] if moment >= one.began]
            over = max([one.over, *lost])
            # How long it had no contact, a gateway dates by its own clock; what is stored to be Unknown stays so when the clock is set back.
            ahead = max([0.0, *(step.step_s for step in steps if step.began < over and one.began < step.over)])
            found.append(Excuse(one.began - _LAST_KNOWN, over + timedelta(seconds=ahead) + _FIRST_KNOWN))
        return found

    def _watch(self, agent: str, ending: threading.Event) -> None:
        while not ending.wait(_LOOK_EVERY_S):
            status = self._region.agent_status(agent)
            if status is None or not all(one["in_contact"] for one in status["machines"]):
                self._lost[agent].append(_CLOCK.now())

    def _play(self, event: Event) -> Played:
        began = _CLOCK.now()
        end, step_s = self._begin(event)
        time.sleep(event.length)
        end()
        return Played(event, began, _CLOCK.now(), step_s)

    def _begin(self, event: Event) -> tuple[Callable[[], object], float]:
        """Returns how it is ended, and by how many seconds a clock jumps."""
        region, supervisor, target = self._region, self._region.supervisor, event.target
        match event.fault:
            case Fault.KILL | Fault.RESTART | Fault.TORN_FILE | Fault.UPGRADE:
                supervisor.hold_down(target, kill=event.fault in (Fault.KILL, Fault.TORN_FILE))
                if event.fault is Fault.TORN_FILE:
                    # What the platform has said is kept nowhere else, so its disk must have it; what it was about to say need not be whole.
                    (tear_unfinished if target == "platform" else tear)(region.data(target), event.by)
                if event.fault is Fault.UPGRADE:
                    region.upgrade(target)
                return lambda: supervisor.begin(target), 0.0
            case Fault.FREEZE:
                with supervisor.holding(target) as service:
                    service.signal(signal.SIGSTOP)
                return lambda: service.signal(signal.SIGCONT), 0.0
            case Fault.FULL_DISK:
                ballast = fill(region.data(target))

                def make_room() -> None:
                    ballast.unlink(missing_ok=True)
                    if target == "influxdb":  # it goes on refusing until it is restarted, which every log says
                        supervisor.hold_down(target, kill=False)
                        supervisor.begin(target)

                return make_room, 0.0
            case Fault.CLOCK_STEP:
                shortest, longest = _AGENT_STEP_S if target.startswith("agent") else _STEP_S
                step_s = shortest + abs(2 * event.by - 1) * (longest - shortest)
                step_s = -step_s if event.by < 0.5 else step_s
                file = region.clock_file(target)
                file.write_text(str(step_s))
                return lambda: file.write_text("0"), step_s
        return self._begin_in_link(event), 0.0

    def _begin_in_link(self, event: Event) -> Callable[[], object]:
        link = self._region.links[event.target]
        match event.fault:
            case Fault.CUT:
                link.cut_after(1 + round(event.by * 400))
            case Fault.DELAY:
                link.delay_s = 0.05 + event.by
            case Fault.BLACK_HOLE:
                link.black_hole.set()
            case Fault.LOST_ANSWERS:
                link.lost_answers.set()

        def end() -> None:
            link.heal()
            if event.fault is not Fault.DELAY:
                link.cut()  # what has vanished never comes: the kernel gives such a connection up some time

        return end


def _sleep_until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))
