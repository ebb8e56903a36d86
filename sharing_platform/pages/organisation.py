"""One's organisation: particulars, members, tokens, webhooks, calendar feeds."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import select

from sharing_platform.api import integrations
from sharing_platform.api.organisations import member_out, organisation_out
from sharing_platform.booking import calendars
from sharing_platform.database import reading
from sharing_platform.errors import PlatformError
from sharing_platform.finding.tables import Machine
from sharing_platform.notices import webhooks
from sharing_platform.pages.shown import Filled, Form, Showing, Shown, language_of, lines, parsed
from sharing_platform.people import acting, audit, organisations
from sharing_platform.people.access import TOKEN_SCOPES, Actor, Right, Role, require
from sharing_platform.people.messages import FeedIn, MemberIn, OrganisationIn, RoleIn, TokenIn, WebhookIn
from sharing_platform.people.tables import Organisation

router = APIRouter(include_in_schema=False)

_AUDIT_SHOWN = 20


@router.get("/organisation")
def get_organisation(show: Showing) -> HTMLResponse:
    return _page(show, require(show.actor, Right.READ))


@router.post("/organisation")
def post_organisation(show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.GOVERN)
    wanted, problems = parsed(OrganisationIn, {name: form.get(name) for name in ("name", "vat", "place", "address")})
    if wanted is None:
        return _page(show, actor, problems=problems, form=form)
    acting.put_organisation(show.context, actor, wanted)
    return show.to("/organisation", "saved")


@router.post("/organisation/members")
def post_member(show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.GOVERN)
    fields = {name: form.get(name) for name in ("name", "email", "role")}
    wanted, problems = parsed(MemberIn, {**fields, "language": language_of(show.request)})
    if wanted is None:
        return _page(show, actor, problems=problems, form=form)
    try:
        acting.invite(show.context, actor, wanted)
    except PlatformError as error:
        return _page(show, actor, error, form=form)
    return show.to("/organisation", "invited")


@router.post("/organisation/members/{account_id}")
def post_role(account_id: str, show: Showing, form: Filled) -> Response:
    """Another role, or out."""
    actor = require(show.actor, Right.GOVERN)
    try:
        if form.get("role") == "remove":
            acting.remove_member(show.context, actor, account_id)
        else:
            wanted, problems = parsed(RoleIn, {"role": form.get("role")})
            if wanted is None:
                return _page(show, actor, problems=problems)
            acting.set_role(show.context, actor, account_id, wanted.role)
    except PlatformError as error:
        return _page(show, actor, error)
    return show.to("/organisation", "saved")


@router.post("/organisation/tokens")
def post_token(show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.GOVERN)
    wanted, problems = parsed(TokenIn, {"name": form.get("token_name"), "scopes": lines(form.get("scopes"))})
    if wanted is None:
        return _page(show, actor, problems={f"token_{name}": code for name, code in problems.items()}, form=form)
    try:
        _, secret = acting.new_token(show.context, actor, wanted)
    except PlatformError as error:
        return _page(show, actor, error)
    return _page(show, actor, secret=secret)


@router.post("/organisation/tokens/{token_id}/revoke")
def post_revoke(token_id: str, show: Showing) -> Response:
    acting.revoke(show.context, require(show.actor, Right.GOVERN), token_id)
    return show.to("/organisation", "saved")


@router.post("/organisation/feeds")
def post_feed(show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.INTEGRATE)
    wanted, problems = parsed(FeedIn, {"subject": form.get("subject")})
    if wanted is None:
        return _page(show, actor, problems=problems)
    try:
        return _page(show, actor, secret=integrations.new_feed(show.context, actor, wanted.subject).url)
    except PlatformError as error:
        return _page(show, actor, error)


@router.post("/organisation/feeds/{feed_id}")
def post_feed_change(feed_id: str, show: Showing, form: Filled) -> Response:
    """Another address, or none."""
    actor = require(show.actor, Right.INTEGRATE)
    if form.get("what") == "renew":
        return _page(show, actor, secret=integrations.renew_feed(show.context, actor, feed_id).url)
    integrations.remove_feed(show.context, actor, feed_id)
    return show.to("/organisation", "saved")


@router.post("/organisation/webhooks")
def post_webhook(show: Showing, form: Filled) -> Response:
    actor = require(show.actor, Right.INTEGRATE)
    wanted, problems = parsed(WebhookIn, {"url": form.get("url")})
    if wanted is None:
        return _page(show, actor, problems=problems, form=form)
    try:
        webhook = integrations.add_webhook(show.context, actor, wanted.url)
    except PlatformError as error:
        return _page(show, actor, error, form=form)
    return _page(show, actor, secret=webhook.secret)


@router.post("/organisation/webhooks/{webhook_id}/remove")
def post_webhook_removal(webhook_id: str, show: Showing) -> Response:
    integrations.remove_webhook(show.context, require(show.actor, Right.INTEGRATE), webhook_id)
    return show.to("/organisation", "saved")


@router.get("/organisation/webhooks/{webhook_id}")
def get_webhook(webhook_id: str, show: Showing) -> HTMLResponse:
    actor = require(show.actor, Right.INTEGRATE)
    with reading(show.context.sessions) as session:
        webhook = webhooks.webhook_of(session, actor.organisation, webhook_id)
        return show.page("webhook.html", webhook=webhook, deliveries=webhooks.deliveries(session, webhook.id))


def _page(
    show: Shown,
    actor: Actor,
    error: PlatformError | None = None,
    problems: dict[str, str] | None = None,
    form: Form | None = None,
    secret: str | None = None,
) -> HTMLResponse:
    """`secret`: what is shown this once."""
    with reading(show.context.sessions) as session:
        governs, integrates = actor.may(Right.GOVERN), actor.may(Right.INTEGRATE)
        own = organisation_out(session.get_one(Organisation, actor.organisation))
        people = organisations.members(session, own.id) if governs else []
        given = {**{name: str(value) for name, value in own.model_dump().items() if value is not None}, **(form or {})}
        values: dict[str, Any] = {
            "organisation": own,
            "members": [member_out(account, Role(membership.role)) for account, membership in people],
            "tokens": organisations.tokens(session, own.id) if governs else [],
            "feeds": calendars.feeds(session, own.id) if integrates else [],
            "webhooks": webhooks.webhooks(session, own.id) if integrates else [],
            "machines": list(session.scalars(select(Machine.machine).where(Machine.factory == own.id))),
            "audit": audit.entries(session, own.id, None, _AUDIT_SHOWN) if governs else [],
            "scopes": sorted(TOKEN_SCOPES),
            "roles": list(Role),
            "secret": secret,
        }
    if error is None and not problems:
        return show.page("organisation.html", given=given, **values)
    return show.again("organisation.html", error, given, problems or {}, **values)
