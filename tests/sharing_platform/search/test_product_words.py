"""What words about a product say of how it is made."""

from __future__ import annotations

import pytest

from sharing_platform.search.product_words import ProductWords, processes_named, read_product
from sharing_platform.search.vocabulary import PROCESSES


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Behuizing van aluminium, 120 x 80 x 40 mm, frezen en anodiseren, 200 stuks",
         ProductWords(("milling", "galvanising"), ("aluminium",), (120, 80, 40), 200)),
        ("Boîtier en inox, découpe laser, pliage et soudage, 50 pièces", ProductWords(("laser_cutting", "bending", "welding"), ("roestvast staal",), None, 50)),
        ("Steel shaft 12,5 × 2 × 30 cm, turned and hardened, 1 piece", ProductWords(("turning", "heat_treatment"), ("staal",), (125, 20, 300), 1)),
        ("spuitgieten", ProductWords(("injection_moulding",))), ("spuitgietmachine", ProductWords(("injection_moulding",))),
        ("roestvast stalen plaat", ProductWords((), ("roestvast staal",))), ("stalen as", ProductWords((), ("staal",))), ("0 stuks, 0x1x2", ProductWords()), ("", ProductWords()), ("iets moois", ProductWords()),
    ],
)  # fmt: skip
def test_products_as_people_describe_them(words: str, expected: ProductWords) -> None:
    assert read_product(words) == expected


@pytest.mark.parametrize("process", PROCESSES, ids=lambda process: process.code)
def test_each_process_is_known_by_its_names(process: object) -> None:
    for name in process.names.values():  # type: ignore[attr-defined]
        assert process.code in processes_named(f"ik wil {name} voor een stuk"), name  # type: ignore[attr-defined]
