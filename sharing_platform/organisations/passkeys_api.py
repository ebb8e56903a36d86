"""Passkeys: signing in with one, and those of one's account."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from sharing_platform.dependencies import Context, PlatformContext, ReadSession, client_address
from sharing_platform.organisations import passkey_service, passkeys
from sharing_platform.organisations.accounts_api import keep_language, keep_session
from sharing_platform.organisations.dependencies import Person, presented_device
from sharing_platform.organisations.models import Passkey
from sharing_platform.organisations.passkey_service import Visitor
from sharing_platform.organisations.schemas import (
    PasskeyIn,
    PasskeyNameIn,
    PasskeyOut,
    PasskeySignInIn,
    PasskeysOut,
    ProofIn,
)
from sharing_platform.parameters import Uuid
from sharing_platform.problems import problems
from sign_in.passkeys import CHALLENGE_LIFE, Credential

router = APIRouter(prefix="/api/v1", tags=["people"])


@router.post("/session/passkey/options", responses=problems(409, 429))
def post_sign_in_options(context: Context, request: Request, response: Response) -> dict[str, Any]:
    """Options for `navigator.credentials.get`, good once and for five minutes in this browser. 409 where the platform has no name, but an IP address."""
    options, holder = passkey_service.begin_sign_in(context, visitor_of(request, context))
    response.set_cookie(
        context.challenge_cookie, holder, max_age=int(CHALLENGE_LIFE.total_seconds()), httponly=True, samesite="strict",
        secure=context.secure, path="/",
    )  # fmt: skip
    return options


@router.post("/session/passkey", status_code=204, responses=problems(409, 422, 429))
def post_passkey_session(wanted: PasskeySignInIn, context: Context, request: Request, response: Response) -> None:
    """Sign in with a passkey in a browser."""
    sign_in(wanted.credential, context, request, response)


@router.get("/account/passkeys", responses=problems(401))
def get_passkeys(person: Person, session: ReadSession) -> PasskeysOut:
    """The caller's own."""
    return PasskeysOut(passkeys=[passkey_out(one) for one in passkeys.of_account(session, person.account.id)])


@router.post("/account/passkeys/options", responses=problems(401, 409, 422, 429))
def post_passkey_options(wanted: ProofIn, person: Person, context: Context, request: Request) -> dict[str, Any]:
    """Options for `navigator.credentials.create`, good once and for five minutes in this session. Who has not signed in within the last ten minutes gives
    the password; 409 (`sign_in_again`) for who has none."""
    return passkey_service.begin_adding(context, person, wanted.password, session_secret(request, context))


@router.post("/account/passkeys", status_code=201, responses=problems(401, 409, 422))
def post_passkey(wanted: PasskeyIn, person: Person, context: Context, request: Request) -> PasskeyOut:
    """Add a passkey. An e-mail tells the person."""
    secret = session_secret(request, context)
    return passkey_out(passkey_service.add(context, person, wanted.name, wanted.credential, secret))


@router.put("/account/passkeys/{passkey_id}", status_code=204, responses=problems(401, 404, 422))
def put_passkey(passkey_id: Uuid, wanted: PasskeyNameIn, person: Person, context: Context) -> None:
    """Call it something else."""
    passkey_service.rename(context, person, passkey_id, wanted.name)


@router.delete("/account/passkeys/{passkey_id}", status_code=204, responses=problems(401, 404))
def delete_passkey(passkey_id: Uuid, person: Person, context: Context) -> None:
    """Nobody signs in with it any more. Sessions that were begun with it go on."""
    passkey_service.remove(context, person, passkey_id)


def sign_in(credential: Credential, context: PlatformContext, request: Request, response: Response) -> None:
    """Sets the cookies of the session on `response`. Raises as `passkey_service.sign_in`."""
    new, account = passkey_service.sign_in(context, credential, visitor_of(request, context))
    keep_session(response, context, new)
    keep_language(request, response, context, account)
    response.delete_cookie(context.challenge_cookie, path="/", secure=context.secure, httponly=True, samesite="strict")


def visitor_of(request: Request, context: PlatformContext) -> Visitor:
    holder = request.cookies.get(context.challenge_cookie, "")
    return Visitor(client_address(request), presented_device(request, context), holder)


def session_secret(request: Request, context: PlatformContext) -> str:
    return request.cookies.get(context.cookie, "")


def passkey_out(passkey: Passkey) -> PasskeyOut:
    return PasskeyOut(id=passkey.id, name=passkey.name, created=passkey.created, last_used=passkey.last_used)
