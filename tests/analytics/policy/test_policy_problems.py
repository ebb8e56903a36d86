"""What is wrong with a policy file is said in the reader's language; the key and the value stay as they stand in the file."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

from analytics.api.policy_problems import written
from analytics.i18n import LANGUAGES, texts
from analytics.policy.policy import Policy
from analytics.policy.policy_file import PolicyFile, PolicyProblem
from telemetry import SettingsProblem
from tests.analytics.policy.test_policy_file import GOOD, looks

WRONG = {
    "ofer = false": ("`ofer` is geen bekende sleutel. Bedoelt u `offer`?", "`ofer` n’est pas une clé connue"),
    "colour = 1": ("Hier zijn bekend: offer,", "Clés connues ici"),
    "required_probability = 1.5": (
        "`required_probability` = 1.5 wordt niet aanvaard: moet minder zijn dan 1.0.",
        "inférieur à 1.0",
    ),
    "coverage_bound = -1": ("moet minstens 0.0 zijn", "supérieur ou égal à 0.0"),
    'horizon = "30d"': ("mag hoogstens 14d zijn", "inférieur ou égal à 14d"),
    'minimum_slot = "5min"': ("moet minstens 15min zijn", "supérieur ou égal à 15min"),
    'offer = "maybe"': ("`offer` = 'maybe' wordt niet aanvaard: moet true of false zijn", "true ou false"),
    'max_broken_promises = "few"': ("moet een getal zijn", "doit être un nombre"),
    'approval = "perhaps"': ("moet een van deze zijn: 'auto', 'ask', 'never'", "l’une de ces valeurs"),
    'notice = "soon"': ("'soon' is geen duur", "n’est pas une durée"),
    "notice = 1.5": ("", ""),
    "notice = []": ("moet een duur zijn", "doit être une durée"),
    'offered = ["always"]': ("'always' is niet geldig", "n’est pas valable"),
    'offered = ["mon 08:00-07:00"]': ("met het begin voor het einde", "le début avant la fin"),
    'offered = "mon 08:00-17:00"': ("moet een lijst tussen [ ] zijn", "une liste entre [ ]"),
    'blackout = ["Christmas"]': ("is geen dag", "n’est pas un jour"),
    'blackout = ["2027-01-02/2026-12-24"]': ("eindigt voor het begint", "se termine avant"),
    "title = 3": ("moet tekst tussen aanhalingstekens zijn", "un texte entre guillemets"),
    "[price]\nminimum = 3": ("`price.per_hour` ontbreekt. Voeg dit toe.", "`price.per_hour` manque"),
    "[price]\nper_hour = 1.234": ("mag hoogstens 2 cijfers na de komma hebben", "nombre maximal de décimales"),
    'shifts = "4x6"': ("is geen ploegenstelsel", "régime d’équipes"),
    '[machine.mill-1]\ngroup = "x"': ("noemen de groep x", "le groupe x"),
    '[machine."Mill 1"]\noffer = true': ("alleen kleine letters", "seules les minuscules"),
    "[machine]\nmill-1 = 3": ("moet een tabel zijn", "doit être une table"),
    '[[planned]]\nmachine = "m"\nstart = 2026-12-24T08:00:00\nend = 2026-12-24T09:00:00Z': (
        "moet een tijdstip met tijdzone zijn",
        "fuseau horaire",
    ),
    '[[planned]]\nmachine = "m"\nstart = 2026-12-24T09:00:00Z\nend = 2026-12-24T08:00:00Z': (
        "`end` moet na `start` liggen",
        "doit suivre",
    ),
    '[[feed]]\nsource = ""': ("moet minstens 1 teken(s) lang zijn", "nombre minimal de caractères"),
    '[[feed]]\nsource = "x.ics"\nmachine = "m"\nmachines = ["m"]': (
        "schrijf ofwel `machine` ofwel `machines`",
        "soit `machine`",
    ),
    '[[feed]]\nsource = "https://x"\nuser = "a"': ("horen samen", "vont ensemble"),
    '[[feed]]\nsource = "http://x"\nuser = "a"\npassword_file = "p"': ("alleen via https", "que par https"),
    '[[feed]]\nsource = "x.ics"\nkind = "caldav"': ("de URL van een agenda", "l’URL d’un agenda"),
    '[[shifts]]\nname = "a"\nstart = "x"\nend = "10:00"': ("moet een uur zijn", "doit être une heure"),
    '[[shifts]]\nname = "a"\nstart = 06:00:00\nend = 10:00:00\n[[shifts]]\nname = "b"\nstart = 09:00:00\nend = 12:00:00': (
        "overlappen",
        "se chevauchent",
    ),
    'notice = "99999w"': ("langer dan honderd jaar kan niet", "ne peut pas dépasser cent ans"),
    '[[planned]]\nmachine = "m"\nstart = 2026-12-24T09:00:00Z\nend = 9999-12-24T08:00:00Z': (
        "tussen de jaren 2000 en 2200",
        "entre les années",
    ),
    "factory = ": ("dit is geen geldige TOML: deze waarde is niet goed geschreven", "cette valeur est mal écrite"),
    'title = "a': ("een tekst is niet goed geschreven of niet afgesloten", "n’est pas fermé"),
    'offered = ["mon 08:00-09:00"': ("er ontbreekt een haakje", "il manque un crochet"),
    "[price": ("er ontbreekt een haakje", "il manque un crochet"),
    "offer = true\noffer = false": ("elke sleutel en elke tabel komt maar één keer voor", "n’apparaît qu’une fois"),
    "offer": ("hier hoort één regel `sleutel = waarde`", "une seule ligne `clé = valeur`"),
}


def problem_of(tmp_path: Path, text: str | None) -> PolicyProblem | None:
    path = tmp_path / "policy.toml"
    path.write_text(GOOD)
    file = PolicyFile(path, Policy(factory="hal-2"))
    looks(file)
    path.unlink() if text is None else path.write_text(text)
    looks(file)
    return file.problem


@pytest.mark.parametrize("text", WRONG)
def test_each_error_is_said_in_the_readers_language(tmp_path: Path, text: str) -> None:
    key = text.partition(" =")[0]
    rest = (
        "".join(line for line in GOOD.splitlines(keepends=True) if not line.startswith(f"{key} ="))
        if key != text
        else GOOD
    )
    problem = problem_of(tmp_path, rest + text + "\n")
    if not WRONG[text][0]:
        assert problem is None, "a number of seconds is a duration, too"
        return
    assert problem is not None
    dutch, french = written(problem, "nl"), written(problem, "fr")
    assert WRONG[text][0] in dutch
    assert WRONG[text][1] in french
    for said in (dutch, french, written(problem, "en")):
        assert said.startswith(str(tmp_path / "policy.toml"))
        places = re.compile(r"policy.toml:(\d+)")
        assert places.findall(said) == places.findall(str(problem)), "the same lines"
        assert len(said.splitlines()) == len(str(problem).splitlines())
    for said in (dutch, french):
        assert not re.search(
            r"\b(should|must|not accepted|Input|[Ii]nvalid|valid (?!TOML)|write|Expected|Cannot|[Uu]n\w+ed)\b", said
        )


def test_what_tomllib_says_has_words() -> None:
    """Also what nobody has met yet is said in the reader's language."""
    parser = importlib.import_module("tomllib._parser")
    said = re.findall(
        r"\"((?:Invalid|Expected|Cannot|Unclosed|Unterminated|Duplicate|Illegal|Escaped|Unescaped)[^\"]*)\"",
        inspect.getsource(parser),
    )
    assert len(said) > 15
    for one in [*said, "[Errno 13] Permission denied: 'policy.toml'", "'utf-8' codec can't decode byte 0xff"]:
        code = "unreadable" if "Errno" in one or "codec" in one else "not_toml"
        problem = PolicyProblem((SettingsProblem(code, {"place": "policy.toml:3", "detail": one}, one),))
        for language in ("nl", "fr"):
            shown = written(problem, language)
            assert one not in shown
            assert texts(language)["policy_why_file_other"] not in shown, one


def test_a_value_for_which_there_are_no_words(tmp_path: Path) -> None:
    values = {
        "place": "policy.toml:3",
        "key": "offer",
        "given": " = 3",
        "reason": "never_heard_of",
        "why": "Input should be odd",
    }
    problem = PolicyProblem((SettingsProblem("not_accepted", values, "x"),))
    assert written(problem, "nl") == "policy.toml:3: `offer` = 3 wordt niet aanvaard: deze waarde past hier niet."


def test_a_file_that_is_gone_and_another_factory(tmp_path: Path) -> None:
    gone, other = problem_of(tmp_path, None), problem_of(tmp_path, GOOD.replace("hal-2", "hal-3"))
    assert gone is not None
    assert other is not None
    assert written(gone, "nl").endswith("dit bestand bestaat niet.")
    assert "Redémarrez le serveur" in written(other, "fr")


def test_braces_in_a_value_are_only_braces(tmp_path: Path) -> None:
    problem = problem_of(tmp_path, GOOD.replace('"0s"', '"{0.__class__}"'))
    assert problem is not None
    for language in LANGUAGES:
        assert "{0.__class__}" in written(problem, language)


def test_all_reasons_of_ours_have_words() -> None:
    source = "".join(
        Path(name).read_text()
        for name in ("analytics/policy/policy.py", "analytics/policy/shifts.py", "telemetry/duration.py")
    )
    reasons = re.findall(r"PydanticCustomError\(\s*\"(\w+)\"", source)
    assert len(reasons) > 9
    assert not re.search(r"raise ValueError", source), "which would be said in English"
    for language in LANGUAGES:
        assert {f"policy_why_{reason}" for reason in reasons} <= texts(language).keys()
