"""Pictures of machines: as pages show them, and the page on which a factory's people add, order and remove them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.errors import NotFoundError, PlatformError
from sharing_platform.machines import picture_service
from sharing_platform.machines.picture_service import MOST_PICTURES
from sharing_platform.machines.schemas import PictureIn
from sharing_platform.organisations.dependencies import Page, PageRequest, UploadFormData
from sharing_platform.organisations.permissions import Actor, Right, require
from sharing_platform.pages import Form, FormData, validate_form

router = APIRouter(include_in_schema=False)

_CHANGES = {
    "first": picture_service.put_first,
    "remove": picture_service.remove_picture,
}


@router.get("/pictures/{picture_id}/{size}")
def get_picture(picture_id: str, size: str, page: Page) -> Response:
    """What an address shows never changes; who may see it can, so that only the visitor's own browser keeps it."""
    with read_session(page.context.sessions) as session:
        content = picture_service.picture_content(
            page.context, session, picture_id, size, page.viewer, page.organisation
        )
    kind = "image/jpeg" if size == "preview" else "image/webp"
    return Response(content, media_type=kind, headers={"Cache-Control": "private, max-age=3600"})


@router.get("/machines/{factory}/{machine}/pictures")
def get_pictures(factory: str, machine: str, page: Page) -> HTMLResponse:
    return _page(page, require(page.actor, Right.OFFER), factory, machine)


@router.post("/machines/{factory}/{machine}/pictures")
def post_pictures(factory: str, machine: str, page: Page, upload: UploadFormData) -> Response:
    actor = _of(page, factory)
    wanted, problems = validate_form(PictureIn, {"alt": upload.fields.get("alt")})
    if wanted is None or not upload.files:
        return _page(page, actor, factory, machine, None, problems or {"files": "picture_kind"}, upload.fields)
    try:
        picture_service.add_pictures(page.context, actor, machine, upload.files, wanted.alt)
    except NotFoundError:
        raise
    except PlatformError as error:
        return _page(page, actor, factory, machine, error, {}, upload.fields)
    return page.redirect(f"/machines/{factory}/{machine}/pictures", "saved")


@router.post("/machines/{factory}/{machine}/pictures/{picture_id}")
def post_picture(factory: str, machine: str, picture_id: str, page: Page, form: FormData) -> Response:
    """Show it first, remove it, or say what it shows."""
    actor = _of(page, factory)
    change = _CHANGES.get(form.get("what", ""))
    if change is not None:
        change(page.context, actor, machine, picture_id)
    else:
        wanted, problems = validate_form(PictureIn, {"alt": form.get("alt")})
        if wanted is None:
            return _page(page, actor, factory, machine, None, problems, form)
        picture_service.describe_picture(page.context, actor, machine, picture_id, wanted.alt)
    return page.redirect(f"/machines/{factory}/{machine}/pictures", "saved")


def _of(page: PageRequest, factory: str) -> Actor:
    """Raises NotFoundError for another's machine, NotAllowedError for a member who may not."""
    actor = require(page.actor, Right.OFFER)
    if actor.organisation != factory:
        raise NotFoundError
    return actor


def _page(
    page: PageRequest,
    actor: Actor,
    factory: str,
    machine: str,
    error: PlatformError | None = None,
    problems: dict[str, str] | None = None,
    form: Form | None = None,
) -> HTMLResponse:
    if actor.organisation != factory:
        raise NotFoundError
    with read_session(page.context.sessions) as session:
        values: dict[str, Any] = {
            "machine": picture_service.own_machine(session, actor, machine),
            "pictures": picture_service.pictures_of(session, factory, machine),
            "most": MOST_PICTURES,
        }
    return page.render_with_forms("machine_pictures.html", error, form, problems, **values)
