"""What the verbs of the demo's script do, each through the platform's API.

The platform's operator lets in the region and its factories (`vrijloop platform-admin`, `vrijloop platform-invite`); all the rest comes in as it does in life, with the sessions of people.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

from analytics.comparison.contribution import FIGURES
from sharing_platform.self_assessment.questionnaire import newest
from simulators.limburg import PLANTS
from telemetry import UnavailableError
from vrijloop.demo.members import Member, address_of, join, register, visitor
from vrijloop.demo.script import Step, filled_in, moment, months_contributed
from vrijloop.demo.script_clock import ScriptClock

if TYPE_CHECKING:
    from vrijloop.platform_server import PlatformOptions

FOLDER = Path(__file__).parent
PICTURES = FOLDER / "pictures"
_FILES = ("region.toml", "learning.toml", "self_assessment.toml", "comparison.toml")
_AHEAD = timedelta(hours=18)
"""What is asked for is not tonight."""
_CUTTING = 3
"""The main group of DIN 8580."""


@dataclass(frozen=True)
class Stage:
    """The platform that the script is played on. `mail`: the folder into which it writes e-mails. `catch_up`: does what the platform does by itself."""

    options: PlatformOptions
    mail: Path
    clock: ScriptClock
    catch_up: Callable[[], None]


@dataclass
class Cast:
    """The region's people, and what the script knows by name. `now`: the present, to which the fortnight leads. `opened` closes what people have opened."""

    stage: Stage
    now: datetime
    opened: ExitStack
    url: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    known: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def told(self) -> dict[str, Any]:
        return {name: value for file in _FILES for name, value in told(file).items()}

    def meet_at(self, url: str) -> None:
        """Where the platform is reached from now on."""
        self.url = url
        for member in self.members.values():
            member.client.base_url = httpx2.URL(url)

    def new(self, person: str) -> Member:
        member = self.members[person] = visitor(self.url, self.stage.options.public_url, person, self.opened)
        return member

    def factory(self, factory: str) -> dict[str, Any]:
        return next(dict(one) for one in self.told["factory"] if one["id"] == factory)

    def said(self, kind: str, name: str) -> dict[str, Any]:
        return dict(filled_in(self.told[kind][name], self.known, self.now))

    def number_of(self, organisation: str) -> dict[str, str]:
        """Numbers of enterprises begin with 0 or 1, and those with 1999 have not been given yet."""
        names = [one["name"] for one in (*self.told["factory"], *self.told["organisation"])]
        number = 19_999_000 + names.index(organisation)
        return {"country": "BE", "enterprise_number": f"{number}{97 - number % 97:02}"}


def _administer(cast: Cast, step: Step) -> None:
    """The platform's operator makes somebody the region's administrator."""
    from vrijloop.platform_server import add_administrator

    name = cast.told["administrator"]["organisation"]
    link = add_administrator(cast.stage.options, address_of(step.who), step.who, name, cast.stage.clock)
    join(cast.new(step.who), link)


def _join(cast: Cast, step: Step) -> None:
    """The platform's operator invites somebody to a factory."""
    from sharing_platform.organisations.permissions import Role
    from sharing_platform.organisations.schemas import MemberIn
    from vrijloop.platform_server import invite_to

    factory = cast.factory(step.what)
    role = next(role for role in (Role.OWNER, Role.PLANNER) if factory.get(role) == step.who)
    wanted = MemberIn(name=step.who, email=address_of(step.who), role=role)
    join(cast.new(step.who), invite_to(cast.stage.options, step.what, wanted, clock=cast.stage.clock))


def _register(cast: Cast, step: Step) -> Any:
    own = next(one for one in cast.told["organisation"] if one["person"] == step.who)
    particulars = {name: own[name] for name in ("kind", "place", "address")} | cast.number_of(own["name"])
    return register(
        cast.new(step.who), step.who, cast.stage.mail, cast.stage.catch_up, organisation=own["name"], **particulars
    )


def _approve(cast: Cast, step: Step) -> None:
    cast.members[step.who].send("PUT", f"/region/organisations/{step.what}/approval", approved=True)


def _introduce(cast: Cast, step: Step) -> None:
    own = cast.factory(step.what)
    particulars = {name: own[name] for name in ("name", "place", "address")} | cast.number_of(own["name"])
    cast.members[step.who].send("PUT", "/organisation", **particulars)


def _describe(cast: Cast, step: Step) -> None:
    """What a factory's machines are, with what is written of them and a picture of each."""
    member, details = cast.members[step.who], cast.factory(step.what)["machines"]
    for machine in next(one for one in PLANTS if one.factory == step.what).machines:
        path = f"/machines/{step.what}/{machine.machine}"
        member.send("PUT", path, title=machine.title, process=machine.process)
        if machine.machine in details:
            member.send("PUT", f"{path}/details", **details[machine.machine])
        member.upload(f"{path}/pictures", PICTURES / f"{machine.machine}.png", alt=f"Tekening: {machine.title}")


def _share(cast: Cast, step: Step) -> Any:
    return cast.members[step.who].send("POST", "/listings", **cast.said("listing", step.what))


def _picture(cast: Cast, step: Step) -> Any:
    listing = cast.known[step.what]
    path = f"/listings/{listing['id']}/pictures"
    cast.members[step.who].upload(path, PICTURES / f"{step.what}.png", alt=f"Tekening: {listing['title']}")
    return listing


def _seek(cast: Cast, step: Step) -> Any:
    """A notice; the answer has its parts."""
    member = cast.members[step.who]
    notice = member.send("POST", "/wanted", **cast.said("notice", step.what))
    return member.send("GET", f"/wanted/{notice['id']}")


def _offer(cast: Cast, step: Step) -> Any:
    """Hours of a machine, by hand."""
    factory = next(one["id"] for one in cast.told["factory"] if step.who in (one["owner"], one.get("planner")))
    by_hand = {"factory": factory, "by_hand": True, "probability": 0, "checked": 0, "broken": 0}
    return cast.members[step.who].send("PUT", f"/offers/{step.name}", **by_hand, **step.body)


def _post(cast: Cast, step: Step) -> Any:
    """A success story, a visit, a training that is wanted, or a question."""
    return cast.members[step.who].send("POST", "/learning", **cast.said("post", step.what))


def _assess(cast: Cast, step: Step) -> None:
    """What a factory has said of itself over the past year, for which the platform's clock goes back; its goals, and what it shows of its strengths."""
    member, said = cast.members[step.who], cast.told["assessment"][step.what]
    for one in said["moments"]:
        cast.stage.clock.put(cast.now - timedelta(weeks=one["weeks_ago"]))
        answers = [
            {"question": question, "level": level}
            for transformation, levels in one["levels"].items()
            for question, level in zip(newest().questions[transformation], levels, strict=True)
        ]
        member.send("PUT", "/self-assessment/answers", answers=answers)
    cast.stage.clock.put(moment(step.at, cast.now))
    for goal in said["goals"]:
        day = moment(goal["by"], cast.now).date().isoformat()
        member.send("PUT", f"/self-assessment/goals/{goal['transformation']}", level=goal["level"], day=day)
    for shown in said["strengths"]:
        asked_by = {"listing": cast.known[shown["listing"]]["id"], "name_shown": True}
        path = f"/self-assessment/strengths/{shown['transformation']}"
        member.send("PUT", path, questions=shown["questions"], **asked_by)


def _contribute(cast: Cast, step: Step) -> None:
    """What a factory's server has sent to the comparison, once it takes part."""
    member, said = cast.members[step.who], cast.told["contribution"][step.what]
    member.send("PUT", "/comparison/participation", takes_part=True)
    for number, month in enumerate(months_contributed(moment(step.at, cast.now).date())):
        figures = {name: said[name][number] for name in FIGURES}
        member.send("PUT", "/comparison", month=month, process_class=_CUTTING, figures=figures)


def _attach(cast: Cast, step: Step) -> None:
    """A drawing, to a request."""
    path = f"/bookings/{cast.known[step.what]['id']}/attachments"
    cast.members[step.who].upload(path, PICTURES / step.body["file"], text=step.body["text"])


def _book(cast: Cast, step: Step) -> None:
    """The first free hours of a machine after tonight."""
    member = cast.members[step.who]
    offers = member.send("GET", f"/offers?machine={step.what}")["offers"]
    offer = next((one for one in offers if datetime.fromisoformat(one["start"]) > cast.now + _AHEAD), None)
    if offer is not None:
        asked = {name: value for name, value in step.body.items() if name != "hours"}
        end = datetime.fromisoformat(offer["start"]) + timedelta(hours=step.body["hours"])
        asked |= {"start": offer["start"], "end": end.isoformat()}
        with suppress(UnavailableError):  # the hours may just have gone
            member.send("POST", f"/offers/{offer['id']}/booking", **asked)


VERBS: Mapping[str, Callable[[Cast, Step], Any]] = {
    "administer": _administer,
    "join": _join,
    "register": _register,
    "approve": _approve,
    "introduce": _introduce,
    "describe": _describe,
    "share": _share,
    "picture": _picture,
    "seek": _seek,
    "offer": _offer,
    "post": _post,
    "assess": _assess,
    "contribute": _contribute,
    "attach": _attach,
    "book": _book,
}
"""By what a step `does`, where that is no method of HTTP."""


def told(name: str) -> dict[str, Any]:
    """What stands in one of the files beside this module."""
    return tomllib.loads((FOLDER / name).read_text(encoding="utf-8"))
