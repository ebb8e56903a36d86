"""The words of the trade in Dutch, French and English: processes with their DIN 8580 class, materials, certificates. Pure.

Classes: DIN 8580:2022-12 main groups and groups; subgroups by DIN 8589 (cutting), DIN 8590 (removal), DIN 8593 (joining).
"""

from __future__ import annotations

from dataclasses import dataclass

from sharing_platform.i18n import typeset
from sharing_platform.search.criteria import ListingKind


@dataclass(frozen=True)
class Process:
    """`code` names it in addresses and the API. `words`: how people call it and its machines, in any of the languages; the first of
    each language is shown."""

    code: str
    din: str
    names: dict[str, str]
    words: tuple[str, ...]


PROCESSES = (
    Process("casting", "1.1", {"nl": "gieten", "fr": "fonderie", "en": "casting"}, ("gietwerk", "coulée", "moulage", "foundry", "spuitgieten")),
    Process("injection_moulding", "1.1", {"nl": "spuitgieten", "fr": "injection plastique", "en": "injection moulding"}, ("spuitgietmachine", "matrijs", "injection molding", "presse à injecter")),
    Process("additive", "1.10", {"nl": "3D-printen", "fr": "impression 3D", "en": "additive manufacturing"}, ("3d", "printen", "printer", "additief", "sls", "slm", "fdm", "3d printing", "fabrication additive")),
    Process("rolling", "2.1", {"nl": "walsen", "fr": "laminage", "en": "rolling"}, ("plaatwals", "laminoir")),
    Process("forging", "2.1", {"nl": "smeden", "fr": "forgeage", "en": "forging"}, ("smederij", "forge", "matriçage")),
    Process("deep_drawing", "2.2", {"nl": "dieptrekken", "fr": "emboutissage", "en": "deep drawing"}, ("persen", "pers", "presse", "press")),
    Process("bending", "2.4", {"nl": "plooien", "fr": "pliage", "en": "bending"}, ("kantbank", "kanten", "buigen", "zetten", "afkantpers", "plieuse", "press brake", "zetbank")),
    Process("shearing", "3.1", {"nl": "ponsen en knippen", "fr": "poinçonnage et cisaillage", "en": "punching and shearing"}, ("ponsen", "ponsmachine", "knippen", "plaatschaar", "poinçonneuse", "cisaille", "punching", "shearing")),
    Process("turning", "3.2.1", {"nl": "draaien", "fr": "tournage", "en": "turning"}, ("draaibank", "draaicentrum", "draaiwerk", "gedraaid", "tour", "tourner", "lathe", "turned")),
    Process("drilling", "3.2.2", {"nl": "boren", "fr": "perçage", "en": "drilling"}, ("boormachine", "kolomboor", "tappen", "perceuse", "taraudage", "drill", "tapping")),
    Process("boring", "3.2.2", {"nl": "kotteren", "fr": "alésage", "en": "boring"}, ("kotterbank", "aléseuse", "boring mill")),
    Process("milling", "3.2.3", {"nl": "frezen", "fr": "fraisage", "en": "milling"}, ("freesbank", "freesmachine", "bewerkingscentrum", "gefreesd", "fraiseuse", "centre d'usinage", "mill", "machining centre", "machining center")),
    Process("sawing", "3.2.6", {"nl": "zagen", "fr": "sciage", "en": "sawing"}, ("zaagmachine", "lintzaag", "scie", "saw")),
    Process("grinding", "3.3.1", {"nl": "slijpen", "fr": "rectification", "en": "grinding"}, ("slijpmachine", "rondslijpen", "vlakslijpen", "rectifieuse", "meulage", "grinder")),
    Process("polishing", "3.3", {"nl": "polijsten", "fr": "polissage", "en": "polishing"}, ("polijstmachine", "honen", "leppen", "rodage", "honing", "lapping")),
    Process("laser_cutting", "3.4", {"nl": "lasersnijden", "fr": "découpe laser", "en": "laser cutting"}, ("laser", "lasersnijder", "lasersnijmachine", "découpage laser", "laser cutter")),
    Process("plasma_cutting", "3.4", {"nl": "plasmasnijden", "fr": "découpe plasma", "en": "plasma cutting"}, ("plasmasnijder", "plasma")),
    Process("waterjet", "3.4", {"nl": "waterstraalsnijden", "fr": "découpe au jet d'eau", "en": "waterjet cutting"}, ("waterstraal", "watersnijden", "waterjet", "jet d'eau")),
    Process("edm", "3.4", {"nl": "vonkerosie", "fr": "électroérosion", "en": "electrical discharge machining"}, ("vonken", "vonkeroderen", "draadvonken", "zinkvonken", "edm", "wire edm", "érosion")),
    Process("cleaning", "3.6", {"nl": "reinigen", "fr": "nettoyage", "en": "cleaning"}, ("ontvetten", "stralen", "sablage", "grenaillage", "dégraissage", "blasting")),
    Process("assembly", "4.1", {"nl": "monteren", "fr": "assemblage", "en": "assembly"}, ("montage", "assemblage", "assembling")),
    Process("welding", "4.6", {"nl": "lassen", "fr": "soudage", "en": "welding"}, ("las", "lasser", "lassers", "lasrobot", "laswerk", "gelast", "mig", "mag", "tig", "soudure", "soudeur", "welder", "weld")),
    Process("gluing", "4.8", {"nl": "lijmen", "fr": "collage", "en": "adhesive bonding"}, ("kleven", "gluing", "bonding")),
    Process("coating", "5.1", {"nl": "lakken en coaten", "fr": "peinture et revêtement", "en": "painting and coating"}, ("lakken", "coaten", "poederlakken", "verven", "spuiten", "lakstraat", "peinture", "laquage", "thermolaquage", "painting", "powder coating")),
    Process("galvanising", "5.8", {"nl": "galvaniseren", "fr": "galvanoplastie", "en": "electroplating"}, ("verzinken", "galvanisation", "zingage", "nickelage", "chromage", "anodiseren", "vernikkelen", "anodisation", "plating", "anodising")),
    Process("heat_treatment", "6.2", {"nl": "warmtebehandeling", "fr": "traitement thermique", "en": "heat treatment"}, ("harden", "gloeien", "ontlaten", "oven", "trempe", "recuit", "hardening", "annealing")),
    Process("measuring", "", {"nl": "meten", "fr": "mesure", "en": "measuring"}, ("meetkamer", "meetmachine", "meetbank", "cmm", "métrologie", "metrology", "inspection")),
)  # fmt: skip

BY_CODE = {process.code: process for process in PROCESSES}

BY_NAME = {word.casefold(): process for process in reversed(PROCESSES) for word in process.words} | {
    name.casefold(): process for process in PROCESSES for name in process.names.values()
}
"""Processes by the names and words that factories write instead of a code; names before other words."""


@dataclass(frozen=True)
class Material:
    """`names`: by language, the first is shown. `words`: how else people write it."""

    names: dict[str, tuple[str, ...]]
    words: tuple[str, ...] = ()


_MATERIALS = (
    Material({"nl": ("aluminium",), "fr": ("aluminium",), "en": ("aluminium",)}, ("alu", "aluminum")),
    Material({"nl": ("staal",), "fr": ("acier",), "en": ("steel",)}, ("stalen",)),
    Material(
        {"nl": ("roestvast staal", "inox", "rvs"), "fr": ("inox", "acier inoxydable"), "en": ("stainless steel", "stainless")},
        ("roestvast stalen", "roestvrij", "inoxydable"),
    ),
    Material({"nl": ("messing",), "fr": ("laiton",), "en": ("brass",)}),
    Material({"nl": ("koper",), "fr": ("cuivre",), "en": ("copper",)}, ("koperen",)),
    Material({"nl": ("titaan", "titanium"), "fr": ("titane",), "en": ("titanium",)}),
    Material({"nl": ("gietijzer",), "fr": ("fonte",), "en": ("cast iron",)}, ("gietijzeren",)),
    Material({"nl": ("kunststof", "plastic"), "fr": ("plastique",), "en": ("plastic",)}, ("polymeer",)),
    Material({"nl": ("hout",), "fr": ("bois",), "en": ("wood",)}, ("houten",)),
)  # fmt: skip

MATERIALS = tuple(
    tuple(dict.fromkeys([*(name for names in one.names.values() for name in names), *one.words])) for one in _MATERIALS
)
"""Each with its other names; the first is the one that factories write."""

_MATERIAL_BY_WORD = {word: one for one, words in zip(_MATERIALS, MATERIALS, strict=True) for word in words}

SYNONYMS = (
    *MATERIALS,
    (
        "vijfassig",
        "5-assig",
        "5-as",
        "5-axis",
        "vijfasser",
        "5 assen",
        "vijf assen",
        "5 axes",
        "5-axes",
        "cinq axes",
        "5 axis",
        "five axis",
        "five-axis",
    ),
    (
        "vierassig",
        "4-assig",
        "4-as",
        "4-axis",
        "vierasser",
        "4 assen",
        "vier assen",
        "4 axes",
        "4-axes",
        "quatre axes",
        "4 axis",
        "four axis",
        "four-axis",
    ),
    (
        "drieassig",
        "3-assig",
        "3-as",
        "3-axis",
        "drieasser",
        "3 assen",
        "drie assen",
        "3 axes",
        "3-axes",
        "trois axes",
        "3 axis",
        "three axis",
        "three-axis",
    ),
    ("robot", "cobot"),
    ("heftruck", "vorklift", "chariot élévateur", "clark", "forklift"),
    ("opleiding", "cursus", "training", "formation", "course"),
    ("lasser", "soudeur", "welder"),
    ("ingenieur", "ingénieur", "engineer"),
)
"""Groups of synonyms, in addition to those of `PROCESSES`."""

KIND_WORDS: dict[ListingKind, tuple[str, ...]] = {
    "operator": (
        "lasser", "lassers", "draaier", "draaiers", "frezer", "frezers", "vakman", "vakmensen", "soudeur", "soudeurs", "tourneur", "tourneurs", "fraiseur", "fraiseurs",
        "welder", "welders", "machinist", "machinists",
    ),
    "equipment": ("heftruck", "heftrucks", "vorklift", "forklift", "forklifts", "clark"),
    "know_how": ("kennis", "know-how", "advies", "savoir-faire", "conseil", "conseils", "expertise", "advice"),
    "training": (
        "opleiding", "opleidingen", "cursus", "cursussen", "training", "trainingen", "bijscholing", "formation", "formations", "course", "courses",
    ),
}  # fmt: skip
"""Words by which people look for a kind of listing and for no machine; written so, as their stems are those of processes (`draaier`, `draaien`)."""


def known_process(process: str) -> Process | None:
    """A process by its code, or by a name or a word for it in any of the languages."""
    return BY_CODE.get(process) or BY_NAME.get(process.casefold())


def process_name(process: str, language: str) -> str:
    """A process of the vocabulary in a language; any other unchanged, and in Dutch, which factories here write, also a word for one: it says more (`knippen`)."""
    known = known_process(process)
    if known is None or (language == "nl" and process.casefold() in known.words):
        return process
    return typeset(known.names[language]) if language == "fr" else known.names[language]


def process_choices(language: str) -> list[tuple[str, str]]:
    """The code of each process and its name in a language, in the order of these names."""
    return sorted(((one.code, one.names[language]) for one in PROCESSES), key=lambda named: named[1].casefold())


def material_name(material: str, language: str) -> str:
    """A material of the vocabulary in a language; as it is written where that is a name of the language, or not known."""
    known = _MATERIAL_BY_WORD.get(material.casefold())
    return material if known is None or material.casefold() in known.names[language] else known.names[language][0]


def material_names(material: str) -> dict[str, str] | None:
    """A material in each language; None where the vocabulary does not know it."""
    known = _MATERIAL_BY_WORD.get(material.casefold())
    return {language: names[0] for language, names in known.names.items()} if known is not None else None


def picture_of(process: str) -> str:
    """The name of the drawing in `static/processes.svg` that stands for a process, given by code or name."""
    known = known_process(process)
    return known.code if known is not None else "other"
