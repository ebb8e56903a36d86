"""Pictures and files of success stories: as pages show them, and the pages on which the organisation's people add and remove them."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from sharing_platform.agreements.downloads import download
from sharing_platform.attachments.contents import MEDIA_TYPES, Kind
from sharing_platform.attachments.service import read_uploads
from sharing_platform.bounds import MOST_FILES
from sharing_platform.database import read_session
from sharing_platform.errors import InvalidError, NotFoundError, PlatformError
from sharing_platform.learning import files
from sharing_platform.learning.posts import own_post
from sharing_platform.organisations.dependencies import Page, PageRequest, UploadFormData
from sharing_platform.organisations.permissions import Right, require
from sharing_platform.pages import FormData
from sharing_platform.pictures.pages import AlbumPage, picture_response

router = APIRouter(include_in_schema=False)


@router.get("/learning/{post_id}/pictures/{picture_id}/{size}")
def get_picture(post_id: str, picture_id: str, size: str, page: Page) -> Response:
    with read_session(page.context.sessions) as session:
        return picture_response(files.picture_with(session, post_id, picture_id, page.organisation), size)


@router.get("/learning/{post_id}/pictures")
def get_pictures(post_id: str, page: Page) -> HTMLResponse:
    return _album(page, post_id).show()


@router.post("/learning/{post_id}/pictures")
def post_pictures(post_id: str, page: Page, upload: UploadFormData) -> Response:
    return _album(page, post_id).add(upload)


@router.post("/learning/{post_id}/pictures/{picture_id}")
def post_picture(post_id: str, picture_id: str, page: Page, form: FormData) -> Response:
    return _album(page, post_id).change(picture_id, form)


@router.get("/learning/{post_id}/files/{file_id}")
def get_file(post_id: str, file_id: str, page: Page) -> Response:
    with read_session(page.context.sessions) as session:
        found, content = files.file_with(session, post_id, file_id, page.organisation)
    return download(content, MEDIA_TYPES[Kind(found.kind)], found.name)


@router.get("/learning/{post_id}/files")
def get_files(post_id: str, page: Page) -> HTMLResponse:
    return _files_page(page, post_id)


@router.post("/learning/{post_id}/files")
def post_files(post_id: str, page: Page, upload: UploadFormData) -> Response:
    actor = require(page.actor, Right.LIST)
    files.check_own(page.context, actor, post_id)
    try:
        if not upload.files:
            raise InvalidError("file_missing", "files")
        files.add_files(page.context, actor, post_id, read_uploads(upload.files, page.context.scanner))
    except NotFoundError:
        raise
    except PlatformError as error:
        return _files_page(page, post_id, error)
    return page.redirect(f"/learning/{post_id}/files", "saved")


@router.post("/learning/{post_id}/files/{file_id}")
def post_file(post_id: str, file_id: str, page: Page) -> Response:
    """Remove it."""
    files.remove_file(page.context, require(page.actor, Right.LIST), post_id, file_id)
    return page.redirect(f"/learning/{post_id}/files", "saved")


def _files_page(page: PageRequest, post_id: str, error: PlatformError | None = None) -> HTMLResponse:
    """Raises NotFoundError for another's, NotAllowedError for a member who may not."""
    actor = require(page.actor, Right.LIST)
    with read_session(page.context.sessions) as session:
        post = own_post(session, actor.organisation, post_id, files.KIND)
        found = files.files_of(session, [post.id]).get(post.id, [])
    return page.render_with_forms("learning_files.html", error, None, None, post=post, files=found, most=MOST_FILES)


def _album(page: PageRequest, post_id: str) -> AlbumPage:
    """Raises NotFoundError for another's, NotAllowedError for a member who may not."""
    actor = require(page.actor, Right.LIST)
    with read_session(page.context.sessions) as session:
        title = own_post(session, actor.organisation, post_id, files.KIND).title
    return AlbumPage(page, actor, files.album_of(actor, post_id), f"/learning/{post_id}", title)
