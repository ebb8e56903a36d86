"""Pictures of machines: as pages show them, and the page on which a factory's people add, order and remove them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.database import read_session
from sharing_platform.machines.picture_service import album_of, own_machine, picture_with
from sharing_platform.organisations.dependencies import Page, PageRequest, UploadFormData
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import FormData
from sharing_platform.pictures.pages import AlbumPage, picture_response

router = APIRouter(include_in_schema=False)


@router.get("/pictures/{picture_id}/{size}")
def get_picture(picture_id: str, size: str, page: Page) -> Response:
    with read_session(page.context.sessions) as session:
        return picture_response(picture_with(session, picture_id, page.viewer, page.organisation, page.now), size)


@router.get("/machines/{factory}/{machine}/pictures")
def get_pictures(factory: str, machine: str, page: Page) -> HTMLResponse:
    return _album(page, factory, machine).show()


@router.post("/machines/{factory}/{machine}/pictures")
def post_pictures(factory: str, machine: str, page: Page, upload: UploadFormData) -> Response:
    return _album(page, factory, machine).add(upload)


@router.post("/machines/{factory}/{machine}/pictures/{picture_id}")
def post_picture(factory: str, machine: str, picture_id: str, page: Page, form: FormData) -> Response:
    return _album(page, factory, machine).change(picture_id, form)


def _album(page: PageRequest, factory: str, machine: str) -> AlbumPage:
    """Raises NotFoundError for another's machine, NotAllowedError for a member who may not."""
    actor = require(page.actor, Right.OFFER)
    album = album_of(actor, factory, machine)
    with read_session(page.context.sessions) as session:
        known = own_machine(session, factory, machine)
    path, hidden = f"/machines/{factory}/{machine}", known.alias is not None
    return AlbumPage(page, actor, album, path, known.title, hidden)
