"""What is searched for to make a product: its description as criteria, step by step. Pure."""

from __future__ import annotations

from typing import Any

from sharing_platform.process_plans.schemas import NEEDS, Need, ProductIn
from sharing_platform.search.criteria import Wish
from sharing_platform.search.product_words import read_product
from sharing_platform.search.vocabulary import BY_CODE
from sharing_platform.wanted.schemas import NoticePartIn

_MOST_STEPS = 8
_SHAPING = "123"
"""The main groups of DIN 8580 in which a workpiece has to fit into the machine; an assembly or a coating line may take it otherwise."""


def understood(product: ProductIn) -> ProductIn:
    """With what its words say where no field does. Processes that are ticked come beside those that are named."""
    said = read_product(product.words)
    known = [one for one in product.processes if one in BY_CODE]
    return product.model_copy(
        update={
            "processes": list(dict.fromkeys([*said.processes, *known]))[:_MOST_STEPS],
            "materials": product.materials or list(said.materials),
            "size_mm": product.size_mm or said.size_mm,
            "number": product.number or said.number,
        }
    )


def wish_of_step(product: ProductIn, process: str, need: Need) -> Wish:
    """What one step needs of one kind. `product`: as it was understood."""
    wish: dict[str, Any] = {"subject": need, "process": process, "near": product.near, "within_km": product.within_km}
    if need == "machine":
        wish |= {"materials": product.materials, "first_day": product.first_day, "last_day": product.last_day}
        wish["hours"] = product.hours.get(process)
        if BY_CODE[process].din[:1] in _SHAPING:
            wish["workpiece_mm"] = product.size_mm
    return Wish.model_validate({name: value for name, value in wish.items() if value})


def wish_of_product(product: ProductIn) -> Wish:
    """What a notice says of the whole."""
    wish = {
        "materials": product.materials, "workpiece_mm": product.size_mm, "near": product.near, "within_km": product.within_km,
        "first_day": product.first_day, "last_day": product.last_day,
    }  # fmt: skip
    return Wish.model_validate({name: value for name, value in wish.items() if value})


def parts_of(product: ProductIn, chosen: list[str]) -> list[NoticePartIn]:
    """The parts of a notice that are chosen (`milling:machine`), as far as the product has such steps. Their titles are for programs; pages give them others."""
    return [
        NoticePartIn(title=f"{process}: {need}", wish=wish_of_step(product, process, need))
        for process in product.processes
        for need in NEEDS
        if f"{process}:{need}" in chosen
    ]
