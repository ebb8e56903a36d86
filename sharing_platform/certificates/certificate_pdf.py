"""A certificate of attendance as a document."""

from __future__ import annotations

from datetime import datetime

from sharing_platform.certificates.schemas import CertificateOut
from sharing_platform.i18n import Translator


def certificate_pdf(found: CertificateOut, t: Translator, address: str, now: datetime) -> bytes:
    """`address`: of the page on which it can be checked."""
    from sharing_platform.agreements.pdf import Document  # a sixth of the platform's start, for who asks for a document

    foot = t("certificate_check_at", address=address)
    document = Document(f"{t('certificate_of_attendance')} {found.number}", t.language, now, foot)
    document.ln(24)
    document.heading(t("certificate_of_attendance"), 26)
    document.ln(8)
    document.paragraph(t("certificate_says"), soft=True)
    document.heading(found.name, 20)
    document.paragraph(t("certificate_attended"), soft=True)
    document.heading(found.title, 16)
    document.ln(6)
    document.facts(facts_of(found, t))
    document.ln(10)
    document.paragraph(foot, soft=True)
    return document.content()


def facts_of(found: CertificateOut, t: Translator) -> list[tuple[str, str]]:
    """What a certificate says, on paper and on the page that checks it."""
    hours = [(t("certificate_hours"), t.hours(found.hours))] if found.hours else []
    return [
        (t("period"), t.days(found.start, found.end)),
        *hours,
        (t("given_by"), ", ".join(found.given_by)),
        (t("certificate_number"), found.number),
        (t("certificate_issued"), t.day(found.issued)),
    ]
