"""Routes of the HTTP API: pictures and files of one's own success stories."""

from __future__ import annotations

from fastapi import APIRouter, Response

from sharing_platform.agreements.downloads import download
from sharing_platform.attachments.contents import MEDIA_TYPES, Kind
from sharing_platform.attachments.service import read_uploads
from sharing_platform.dependencies import Context, ReadSession
from sharing_platform.errors import InvalidError
from sharing_platform.learning import files
from sharing_platform.learning.schemas import PostFilesOut
from sharing_platform.openapi import upload_body
from sharing_platform.organisations.dependencies import Lister, MaybeActor, UploadFormData
from sharing_platform.organisations.permissions import organisation_of
from sharing_platform.parameters import Uuid
from sharing_platform.pictures import service
from sharing_platform.pictures.schemas import UPLOAD_BODY, PictureIn, PictureOrder, PicturesOut
from sharing_platform.problems import problems

router = APIRouter(prefix="/api/v1/learning/{post_id}", tags=["learning"])

_FILES_BODY = upload_body()


@router.get("/pictures", responses=problems(401, 403, 404))
def get_pictures(post_id: Uuid, actor: Lister, context: Context) -> PicturesOut:
    """All pictures of one's own story, also those that others do not see."""
    return service.own_pictures(context, files.album_of(actor, post_id))


@router.post(
    "/pictures",
    status_code=201,
    responses=problems(401, 403, 404, 409, 413, 422),
    openapi_extra={"requestBody": UPLOAD_BODY},
)
def post_pictures(post_id: Uuid, actor: Lister, context: Context, form: UploadFormData) -> PicturesOut:
    """Add pictures (JPEG, PNG, WebP), as a form: up to five `files` of at most ten megabytes each, and what they show (`alt`). They are made anew, without metadata. A story has eight at most."""
    return service.add_pictures(context, actor, files.album_of(actor, post_id), form.files, form.fields)


@router.put("/pictures", responses=problems(401, 403, 404, 409, 422))
def put_order(post_id: Uuid, wanted: PictureOrder, actor: Lister, context: Context) -> PicturesOut:
    """Put them in another order: lists show the first. 409 where these are not all of them, each once."""
    return service.order_pictures(context, actor, files.album_of(actor, post_id), wanted.pictures)


@router.put("/pictures/{picture_id}", responses=problems(401, 403, 404, 422))
def put_picture(post_id: Uuid, picture_id: Uuid, wanted: PictureIn, actor: Lister, context: Context) -> PicturesOut:
    """Say what a picture shows."""
    return service.describe_picture(context, actor, files.album_of(actor, post_id), picture_id, wanted)


@router.delete("/pictures/{picture_id}", responses=problems(401, 403, 404))
def delete_picture(post_id: Uuid, picture_id: Uuid, actor: Lister, context: Context) -> PicturesOut:
    """Remove a picture."""
    return service.remove_picture(context, actor, files.album_of(actor, post_id), picture_id)


@router.post(
    "/files",
    status_code=201,
    responses=problems(401, 403, 404, 409, 413, 422),
    openapi_extra={"requestBody": _FILES_BODY},
)
def post_files(post_id: Uuid, actor: Lister, context: Context, form: UploadFormData) -> PostFilesOut:
    """Add files (PDF, PNG, JPEG, DXF, STEP) to one's own story, as a form: five `files` in all, of at most ten megabytes each. What a file is, its content says."""
    files.check_own(context, actor, post_id)
    if not form.files:
        raise InvalidError("file_missing", "files")
    checked = read_uploads(form.files, context.scanner)
    return PostFilesOut(files=files.add_files(context, actor, post_id, checked))


@router.get(
    "/files/{file_id}",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The file"}, **problems(401, 404)},
)
def get_file(post_id: Uuid, file_id: Uuid, session: ReadSession, actor: MaybeActor) -> Response:
    """A file that goes with a story, to be saved, not shown."""
    found, content = files.file_with(session, post_id, file_id, organisation_of(actor))
    return download(content, MEDIA_TYPES[Kind(found.kind)], found.name)


@router.delete("/files/{file_id}", status_code=204, responses=problems(401, 403, 404))
def delete_file(post_id: Uuid, file_id: Uuid, actor: Lister, context: Context) -> None:
    """Remove a file."""
    files.remove_file(context, actor, post_id, file_id)
