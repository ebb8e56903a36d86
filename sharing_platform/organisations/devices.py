"""Browsers in which somebody has signed in before. Wrong passwords from elsewhere do not keep them out (OWASP: device cookies)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from sharing_platform.organisations.credentials import hash_secret, new_secret
from sharing_platform.organisations.models import Account, KnownDevice

DEVICE_LIFE = timedelta(days=365)
_MAX_DEVICES = 20
"""Of an account; at the bound the oldest is forgotten."""


def is_known(session: Session, account: Account | None, secret: str, now: datetime) -> bool:
    if account is None or not secret:
        return False
    device = session.get(KnownDevice, (hash_secret(secret), account.id))
    return device is not None and device.expires > now


def is_given_out(session: Session, secret: str, now: datetime) -> bool:
    """Whether the platform has given out this secret, for any account."""
    known = select(KnownDevice.hash).where(KnownDevice.hash == hash_secret(secret), KnownDevice.expires > now).limit(1)
    return bool(secret) and session.scalars(known).first() is not None


def sender(session: Session, secret: str, address: str, now: datetime) -> str:
    """Who causes something, for bounds: a browser that is known does not share that of its network address with strangers."""
    return f"device {secret}" if is_given_out(session, secret, now) else address


def remember(session: Session, account: Account, secret: str, now: datetime) -> str:
    """The secret for the cookie. `secret`: what the browser presented; kept if the platform has given it out, for this account or another."""
    if not is_given_out(session, secret, now):
        secret, _ = new_secret()
    session.merge(KnownDevice(hash=hash_secret(secret), account_id=account.id, created=now, expires=now + DEVICE_LIFE))
    session.flush()
    own = select(KnownDevice.hash).where(KnownDevice.account_id == account.id)
    oldest = session.scalars(own.order_by(KnownDevice.created.desc(), KnownDevice.hash).offset(_MAX_DEVICES)).all()
    if oldest:
        these = KnownDevice.hash.in_(oldest)
        session.execute(delete(KnownDevice).where(KnownDevice.account_id == account.id, these))
    return secret


def forget(session: Session, account: Account) -> None:
    """All of them: whoever changes a password may do so because somebody else got in."""
    session.execute(delete(KnownDevice).where(KnownDevice.account_id == account.id))
