"""The numbers by which organisations are told apart: the enterprise number (KBO/BCE) in Belgium, the VAT number elsewhere. Pure."""

from __future__ import annotations

from stdnum.be import vat as enterprise_numbers
from stdnum.eu import vat as vat_numbers
from stdnum.exceptions import ValidationError
from stdnum.util import clean

from sharing_platform.errors import InvalidError

BELGIUM = "BE"
_PREFIXES = {"GR": "EL"}
"""Of VAT numbers, where it is not the country's code (ISO 3166-1)."""


def identifier_of(country: str, enterprise_number: str, vat: str) -> str | None:
    """The number with its country, `BE0403170701`; None where none was given, which is for the caller to judge. Raises InvalidError for one that does not
    exist."""
    if enterprise_number and country not in ("", BELGIUM):
        raise InvalidError("field", "enterprise_number")
    if country == BELGIUM or enterprise_number:
        return f"{BELGIUM}{_validated(enterprise_number)}" if enterprise_number else None
    if not vat or not country:
        return None
    prefix = _PREFIXES.get(country, country)
    number = clean(vat, " -./").upper()
    number = number if number.startswith(prefix) else f"{prefix}{number}"
    if prefix.lower() in vat_numbers.MEMBER_STATES or country == "GR":
        try:
            return str(vat_numbers.validate(number))
        except ValidationError:
            raise InvalidError("vat_wrong", "vat") from None
    return number


def shown_enterprise_number(identifier: str | None) -> str:
    """`0403.170.701`; empty where there is none, or another country's number."""
    if identifier is None or not identifier.startswith(BELGIUM):
        return ""
    digits = identifier.removeprefix(BELGIUM)
    return f"{digits[:4]}.{digits[4:7]}.{digits[7:]}"


def _validated(enterprise_number: str) -> str:
    """Ten digits, the first 0 or 1, the last two 97 less the rest modulo 97."""
    try:
        return str(enterprise_numbers.validate(enterprise_number))
    except ValidationError:
        raise InvalidError("enterprise_number_wrong", "enterprise_number") from None
