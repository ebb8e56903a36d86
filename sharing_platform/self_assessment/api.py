"""Routes of the HTTP API: an organisation's self-assessment, and who in the network is good at what."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.organisations.dependencies import Asker, Lister, Reader
from sharing_platform.problems import problems
from sharing_platform.schemas import Name
from sharing_platform.self_assessment import service
from sharing_platform.self_assessment.schemas import (
    AssessmentAnswersIn,
    AssessmentOut,
    AssessmentQuestionsOut,
    GoalIn,
    NetworkOut,
    StrengthIn,
)

router = APIRouter(prefix="/api/v1/self-assessment", tags=["self-assessment"])

TransformationPath = Annotated[Name, Path(examples=["digital_factory"])]


@router.get("", responses=problems(401, 403))
def get_assessment(session: ReadSession, actor: Reader, context: Context) -> AssessmentOut:
    """The caller's own: answers of now and of before, levels, goals, and what others see."""
    return service.assessment_out(session, context, actor.organisation)


@router.get("/questions", responses=problems(401, 403, 422))
def get_questions(
    _: Reader, language: Annotated[Literal["nl", "fr", "en"], Query()] = "en"
) -> AssessmentQuestionsOut:  # fmt: skip
    """What is asked, in one language."""
    return service.questions_out(language)


@router.put("/answers", status_code=204, responses=problems(401, 403, 422))
def put_answers(wanted: AssessmentAnswersIn, actor: Asker, context: Context) -> None:
    """Some answers or all, from today on. Of a question that is answered several times in a day the last answer counts."""
    service.put_answers(context, actor, wanted)


@router.put("/goals/{transformation}", status_code=204, responses=problems(401, 403, 404, 422))
def put_goal(transformation: TransformationPath, wanted: GoalIn, actor: Lister, context: Context) -> None:
    """Set a goal, or change it. Who plans is reminded four weeks before its day, and on it, unless it is reached."""
    service.put_goal(context, actor, transformation, wanted)


@router.delete("/goals/{transformation}", status_code=204, responses=problems(401, 403, 404))
def delete_goal(transformation: TransformationPath, actor: Lister, context: Context) -> None:
    """Drop a goal."""
    service.remove_goal(context, actor, transformation)


@router.put("/strengths/{transformation}", status_code=204, responses=problems(401, 403, 404, 422))
def put_strength(transformation: TransformationPath, wanted: StrengthIn, actor: Lister, context: Context) -> None:
    """Let approved organisations see, with the organisation's name, at what it is good. A question whose answer sinks below 3 is no longer seen, nor is anything once the listing ends."""
    service.put_strength(context, actor, transformation, wanted)


@router.delete("/strengths/{transformation}", status_code=204, responses=problems(401, 403, 404))
def delete_strength(transformation: TransformationPath, actor: Lister, context: Context) -> None:
    """Take that back, at once."""
    service.remove_strength(context, actor, transformation)


@router.get("/network", responses=problems(401, 403))
def get_network(session: ReadSession, actor: Reader, context: Context) -> NetworkOut:
    """Who wants to be asked about what they are good at; nobody for an organisation that is not approved yet."""
    return service.network_out(session, context, actor.viewer)
