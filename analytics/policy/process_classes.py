"""DIN 8580 main groups of the processes that a policy can name, as the sharing platform knows them."""

from __future__ import annotations

_NAMES: dict[int, tuple[str, ...]] = {
    1: (
        "casting", "gieten", "fonderie", "injection_moulding", "spuitgieten", "injection plastique", "injection moulding",
        "additive", "3d-printen", "impression 3d", "additive manufacturing",
    ),
    2: (
        "rolling", "walsen", "laminage", "forging", "smeden", "forgeage", "deep_drawing", "dieptrekken", "emboutissage",
        "deep drawing", "bending", "plooien", "pliage",
    ),
    3: (
        "shearing", "ponsen en knippen", "poinçonnage et cisaillage", "punching and shearing", "turning", "draaien", "tournage",
        "drilling", "boren", "perçage", "boring", "kotteren", "alésage", "milling", "frezen", "fraisage", "sawing", "zagen",
        "sciage", "grinding", "slijpen", "rectification", "polishing", "polijsten", "polissage", "laser_cutting", "lasersnijden",
        "découpe laser", "laser cutting", "plasma_cutting", "plasmasnijden", "découpe plasma", "plasma cutting", "waterjet",
        "waterstraalsnijden", "découpe au jet d'eau", "waterjet cutting", "edm", "vonkerosie", "électroérosion",
        "electrical discharge machining", "cleaning", "reinigen", "nettoyage",
    ),
    4: ("assembly", "monteren", "assemblage", "welding", "lassen", "soudage", "gluing", "lijmen", "collage", "adhesive bonding"),
    5: (
        "coating", "lakken en coaten", "peinture et revêtement", "painting and coating", "galvanising", "galvaniseren",
        "galvanoplastie", "electroplating",
    ),
    6: ("heat_treatment", "warmtebehandeling", "traitement thermique", "heat treatment"),
}  # fmt: skip

CLASS_OF = {name: main_group for main_group, names in _NAMES.items() for name in names}


def process_class_of(process: str | None) -> int | None:
    """The main group of a process; None where nobody says which process it is, or it has none (measuring)."""
    return CLASS_OF.get((process or "").strip().casefold())
