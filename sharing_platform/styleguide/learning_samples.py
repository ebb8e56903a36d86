"""What organisations tell, show and ask each other, as the styleguide shows it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from sharing_platform.learning.details import (
    Figure,
    InterestDetails,
    MeetingDetails,
    QuestionDetails,
    StoryDetails,
)
from sharing_platform.learning.schemas import (
    AnswerOut,
    InterestOut,
    MeetingOut,
    PostFileOut,
    QuestionOut,
    SeatOut,
    StoryOut,
)
from sharing_platform.listings.details import TrainingSession
from sharing_platform.styleguide.machine_samples import BEGIN, PICTURES

_MONTH = date(2026, 5, 1)


def _post(kind: str, title: str, **more: Any) -> dict[str, Any]:
    known = {
        "id": kind, "kind": kind, "organisation": "hal-2", "organisation_name": "Hal 2", "title": title, "text": "", "status": "open", "created": BEGIN, "changed": BEGIN,
    }  # fmt: skip
    return known | more


STORY = StoryOut(
    **_post("story", "Omstellen in 18 minuten", text="Kleine reeksen lonen weer."),
    details=StoryDetails(
        process="milling", transformation="advanced_manufacturing", problem="Kleine reeksen stonden halve dagen stil.",
        approach="Nulpuntspansysteem, en gereedschap voorstellen terwijl de machine draait.", result="Reeksen van tien lonen weer.",
        figures=[Figure(label="Omsteltijd", before=45, after=18, unit="min"), Figure(label="Afkeur", before=0, after=2, unit="stuks")],
    ),
    pictures=PICTURES[:1],
    files=[PostFileOut(id="1", path="#s-learning", name="spanplan.pdf", size=182_000)],
)  # fmt: skip
MEETING = MeetingOut(
    **_post("meeting", "Bezoek aan onze lascel", text="Een cobot die dertig consoles last."),
    details=MeetingDetails(
        form="visit", place="Genk", address="Henry Fordlaan 12", seats=12, languages=["nl", "fr"], process="welding",
        sessions=[TrainingSession(start=BEGIN + timedelta(days=number), end=BEGIN + timedelta(days=number, hours=2)) for number in (9, 30)],
    ),
    start=BEGIN + timedelta(days=9), end=BEGIN + timedelta(days=30, hours=2), seats_left=0, waiting=3,
)  # fmt: skip
INTEREST = InterestOut(
    **_post("interest", "Basis FANUC", text="Voor wie 's avonds alleen staat."),
    details=InterestDetails(process="milling", month=f"{_MONTH:%Y-%m}", place="Sint-Truiden", languages=["nl"]),
    organisations=3, people=7, enough=4, trainers_told=False, course=None,
)  # fmt: skip
QUESTION = QuestionOut(
    **_post("question", "Wie heeft ervaring met minimaalsmering?", text="In aluminium, op een 5-assige freesbank."),
    details=QuestionDetails(process="milling"), answers=2, solved=True,
)  # fmt: skip


def _answer(number: str, name: str, text: str, mark: str) -> AnswerOut:
    return AnswerOut.model_validate(
        {"id": number, "organisation": number, "organisation_name": name, "text": text, "mark": mark, "answered": BEGIN}
    )


def learning_samples() -> dict[str, Any]:
    """Each kind of post, as somebody sees it who has a seat, wants the training too, and has asked the question."""
    return {
        "now": BEGIN, "posts": [STORY, MEETING, INTEREST, QUESTION], "story": STORY, "meeting": MEETING, "interest": INTEREST, "question": QUESTION,
        "seat": SeatOut(state="waiting", joined=BEGIN, number=2), "answers": [
            _answer("1", "Maes Metaal", "Wij, sinds twee jaar: 20 ml per uur, met een dubbele spuitmond.", "accepted"),
            _answer("2", "Kerkhofs", "Let op de spaanafvoer, die wordt moeilijker.", "none"),
        ],
        "measured": {"figure_label": "Omsteltijd\nAfkeur", "figure_before": "45\n0", "figure_after": "18\n2", "figure_unit": "min\nstuks"},
    }  # fmt: skip
