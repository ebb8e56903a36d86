"""French as it is written in Belgium: what goes by a number or a name, punctuation, and one word for one thing."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import sharing_platform
from analytics.i18n import texts as control_room
from sharing_platform.i18n import Translator, before_name, is_one, texts
from sharing_platform.self_assessment.questionnaire import question_texts
from tests.sharing_platform.conftest import Platform

FRENCH = Translator("fr", "Europe/Brussels")
ROOM = Path(sharing_platform.__file__).parent
NUMBERS = "axes|broken|cancelled|checked|count|hours|kept|left|most|number|organisations|people|places|seats|value"
"""The fields of texts that are filled in with how many."""


@pytest.mark.parametrize(
    ("word", "name", "written"),
    [
        ("de", "Genk", "de Genk"),
        ("de", "Alken", "d’Alken"),
        ("de", "Édouard", "d’Édouard"),
        ("de", "Œuvres", "d’Œuvres"),
        ("de", "Hasselt", "de Hasselt"),
        ("de", "Ypres", "d’Ypres"),
        ("de", "Yamazaki", "de Yamazaki"),
        ("de", "3D-Print", "de 3D-Print"),
        ("de", "Le Roeulx", "du Roeulx"),
        ("de", "Les Ateliers", "des Ateliers"),
        ("de", "Lesage", "de Lesage"),
        ("de", "le serveur de l’usine", "du serveur de l’usine"),
        ("de", "", "de "),
        ("à", "Alken", "à Alken"),
        ("à", "Le Roeulx", "au Roeulx"),
        ("que", "Atelier Nord", "qu’Atelier Nord"),
        ("que", "Le Tour", "que Le Tour"),
    ],
)
def test_a_word_before_a_name_is_elided_or_contracted(word: str, name: str, written: str) -> None:
    assert before_name(word, name) == written


def test_nothing_and_one_are_singular_in_french() -> None:
    assert [is_one("fr", count) for count in (0, 1, 1.5, 2)] == [True, True, True, False]
    assert [is_one("nl", count) for count in (0, 1, 1.5, 2)] == [False, True, False, False]
    said = [FRENCH("places_left", left=left, places=8).replace("\N{NO-BREAK SPACE}", " ") for left in (0, 1, 2)]
    assert said == ["0 place libre sur 8", "1 place libre sur 8", "2 places libres sur 8"]
    assert FRENCH("factory_record_text", kept=12, cancelled=1) == "12 réservations honorées, 1 annulée par l’usine"


def test_a_reason_for_a_match_goes_by_its_number() -> None:
    said = [FRENCH.reason("axes", {"value": value}, lambda process, _: process) for value in (1, 5)]
    assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in said] == ["1 axe", "5 axes"]


def test_names_stand_as_french_has_them_before_them() -> None:
    assert FRENCH("around", place="As") == "dans les environs d’As"
    assert FRENCH("audit_account_signed_in", who="An Claes") == "Connexion d’An Claes."
    asked = FRENCH("audit_booking_withdrawn", who="Hal 2", what="DMU 50", seeker="Atelier Nord")
    assert asked.endswith(", qu’Atelier Nord avait demandé.")


def test_every_text_can_be_filled_in() -> None:
    for key, text in texts("fr").items():
        fields = {name for _, name, _, _ in string.Formatter().parse(text) if name}
        values = {name: 2 if name in (*NUMBERS.split("|"), "minutes") else "x" for name in fields}
        assert "{" not in FRENCH(key, **values), key


def test_what_others_typed_is_filled_in_as_it_is() -> None:
    assert FRENCH("contact_line", organisation="{x:de}", person="a|b") == "Contact chez {x:de}\N{NO-BREAK SPACE}: a|b."


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (r"\b(?:de|que|jusque|lorsque|puisque|si|ne|le|la) \{(?!(?:before|count|price|percent|value|km|hours|moment|day|due|until|start|end|first|last|year)\})", "`de {name}`: elides"),
        (r"\b(?:à|au|du) \{(?:place|name|organisation|title)\}", "`à {place}`: contracts"),
        (r"\(s\)|\(es\)", "one or several: `{count:place|places}`"),
        (r" …", "no space before three points"),
        (r"'", "the apostrophe of print"),
        (r" [:;?!»%]|« ", "these stand apart, and begin no line"),
        (r"\bvous bien\b|\bpersonne ne doit\b|\bne devez\b", "in Belgium heard as something else than in France"),
        (r"\bplages? (?!horaires?)|\bdevis\b|\baperçu\b|\bà la main\b|\bheures? machine\b|\béquipements?\b|\bprestataires?\b", "has another word here"),
    ],
)  # fmt: skip
def test_no_french_text_has_what_is_wrong(wrong: str, why: str) -> None:
    assert {key: text for key, text in {**texts("fr"), **asked_texts()}.items() if re.search(wrong, text)} == {}, why


def asked_texts() -> dict[str, str]:
    """Of the self-assessment."""
    return {
        f"{one}: {text}": text
        for one, told in question_texts("fr").items()
        for text in (told.title, told.question, *told.levels)
    }


def test_what_is_made_is_an_ordre_de_fabrication_and_what_is_bought_a_commande() -> None:
    """An *ordre* alone is a sequence."""
    alone = re.compile(
        r"(?<!quel )\bordres?\b(?! (?:de|du) )|\b(?:sans|hors|par des|pendant une|tableau de) commandes?\b"
    )
    said = {
        **texts("fr"),
        **asked_texts(),
        **{f"control room: {key}": text for key, text in control_room("fr").items()},
    }
    assert {key: text for key, text in said.items() if alone.search(text)} == {}
    assert sum(bool(re.search("ordres? de fabrication", text)) for text in said.values()) >= 8


def test_a_number_does_not_stand_before_a_plural_that_it_may_not_have() -> None:
    """But where the text is chosen by its number (`…_many`), and after words that make it several."""
    found = {
        key
        for key, text in texts("fr").items()
        if re.search(rf"\{{(?:{NUMBERS})\}}[ \N{{NO-BREAK SPACE}}](?!fois\b)[a-zà-ÿ]{{2,}}[sx]\b", text)
    }
    assert {key for key in found if not key.endswith(("_many", "_more", "_some"))} == {"compare_left_out"}


def test_pages_and_mails_join_words_with_the_colon_of_their_language() -> None:
    """`Retirer : An`: what joins two texts is a text, too."""
    wrong = [path.name for path in ROOM.rglob("*.html") if re.search(r"\}\}: ", path.read_text(encoding="utf-8"))]
    assert wrong == []
    assert [Translator(one, "UTC").colon for one in ("nl", "fr", "en")] == [": ", "\N{NO-BREAK SPACE}: ", ": "]


def test_sizes_are_in_octets() -> None:
    assert [FRENCH.size(size) for size in (1_200_000, 340_000)] == ["1,2 Mo", "340 ko"]


def test_a_french_page_breaks_no_line_before_its_punctuation(platform: Platform) -> None:
    platform.machine()
    platform.offer()
    member = platform.somebody("an@startup.be", "startup")
    for path in (
        "/",
        "/offers/o1",
        "/machines/hal-2/mill-1",
        "/listings",
        "/wanted",
        "/make",
        "/account",
        "/desk",
        "/about",
        "/self-assessment/digital_factory",
        "/privacy",
    ):
        answer = member.get(path, headers={"Accept-Language": "fr"})
        assert (answer.status_code, '<html lang="fr">' in answer.text) == (200, True), path
        page = answer.text
        shown = re.sub(r"<(script|style|svg)\b.*?</\1>|<[^>]*>", "\n", page, flags=re.DOTALL)
        labels = "\n".join(re.findall(r'aria-label="([^"]*)"', page))
        assert re.findall(r"[^\n]*\w:(?= )[^\n]*|[^\n]* [:;?!](?= |$)[^\n]*", f"{shown}\n{labels}") == [], path


def test_processes_materials_and_towns_are_called_as_their_readers_call_them(platform: Platform) -> None:
    platform.machine("shear-1", "Plaatschaar 3 m", process="knippen")
    details = {"materials": ["staal", "inox", "steen"], "place": "Sint-Truiden"}
    assert platform.hal_2.put("/api/v1/machines/hal-2/shear-1/details", json=details).status_code == 200
    platform.offer(machine="shear-1")
    said = {
        "fr": ("poinçonnage et cisaillage", "<li>acier</li><li>inox</li><li>steen</li>", "Saint-Trond"),
        "nl": ("knippen", "<li>staal</li><li>inox</li><li>steen</li>", "Sint-Truiden"),
        "en": ("punching and shearing", "<li>steel</li><li>stainless steel</li><li>steen</li>", "Sint-Truiden"),
    }
    for language, (process, materials, place) in said.items():
        page = platform.anyone.get("/", params={"lang": language}).text
        assert (f"{process} · " in page, materials in page, f" · {place}" in page) == (True, True, True), language
        assert ">knippen</option>" not in page, "the filter has it as punching and shearing"
    found = platform.anyone.get("/", params={"process": "shearing", "lang": "fr"}).text
    assert "Plaatschaar" in found
