"""Errors of a request. API and pages turn the code into a sentence: the translation `error_<code>`."""

from __future__ import annotations

from typing import ClassVar


class PlatformError(Exception):
    """`code` names the sentence; `members` go into the API's problem details beside the standard ones (RFC 9457, 3.2)."""

    status: ClassVar[int] = 400

    def __init__(self, code: str, **members: object) -> None:
        super().__init__(code)
        self.code = code
        self.members = members


class NotFoundError(PlatformError):
    """The resource does not exist, or the caller may not know of it."""

    status = 404

    def __init__(self, code: str = "missing") -> None:
        super().__init__(code)


class NotSignedInError(PlatformError):
    """The request needs a signed-in caller."""

    status = 401

    def __init__(self, code: str = "sign_in") -> None:
        super().__init__(code)


class NotAllowedError(PlatformError):
    """The caller may know of the resource, but not do this with it."""

    status = 403

    def __init__(self, code: str = "role") -> None:
        super().__init__(code)


class ConflictError(PlatformError):
    """The request conflicts with the present state."""

    status = 409


class TakenError(ConflictError):
    """The hours are booked."""

    def __init__(self, code: str = "taken") -> None:
        super().__init__(code)


class InvalidError(PlatformError):
    """The request is invalid; `field` names the field."""

    status = 422

    def __init__(self, code: str, field: str) -> None:
        super().__init__(code, field=field)
        self.field = field


class TooManyError(PlatformError):
    """A limit on frequency or number is reached."""

    status = 429

    def __init__(self, retry_after_s: int, code: str = "too_many") -> None:
        super().__init__(code)
        self.retry_after_s = retry_after_s


class TooLongError(PlatformError):
    """More was sent than is read."""

    status = 413

    def __init__(self) -> None:
        super().__init__("too_long")


class UnavailableError(PlatformError):
    """Somebody else's service, which this needs, does not answer."""

    status = 503


class NotInstalledError(PlatformError):
    """This platform runs without a package that the request needs."""

    status = 501


class ChangedError(PlatformError):
    """Somebody else changed it since the caller read it."""

    status = 412

    def __init__(self) -> None:
        super().__init__("changed_meanwhile")
