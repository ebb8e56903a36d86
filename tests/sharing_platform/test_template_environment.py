"""What a page showed goes from memory with the page, without Python's search for reference cycles."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
from jinja2 import DictLoader

from sharing_platform.machines.models import Machine, Offer
from sharing_platform.machines.offer_order import RankedOffer
from sharing_platform.template_environment import PageEnvironment
from tests.servers import wait_for
from tests.sharing_platform.conftest import Platform

TEMPLATES = {
    "macros": "{% macro one() %}{{ shown.name }}{{ two() }}{% endmacro %}{% macro two() %}!{% endmacro %}",
    "layout": "{% import 'macros' as parts with context %}<{% block main %}{% endblock %}{{ parts.one() }}>",
    "page": "{% extends 'layout' %}{% block main %}{% include 'part' %}{% endblock %}",
    "part": "{% from 'macros' import one with context %}{% macro own() %}{{ one() }}{{ shown.name }}{% endmacro %}{{ own() }}",
    "alone": "{% import 'plain' as plain %}{{ plain.said(shown.name) }}",
    "plain": "{% macro said(name) %}{{ name }}{% endmacro %}",
}


class Shown:
    name = "mill"


@pytest.fixture
def no_search() -> Iterator[None]:
    """Python looks for no cycles meanwhile."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(("template", "text"), [("page", "<mill!millmill!>"), ("alone", "mill")])
def test_nothing_is_left_of_what_a_template_has_shown(no_search: None, template: str, text: str) -> None:
    environment = PageEnvironment(loader=DictLoader(TEMPLATES))
    for _ in range(2):
        shown = Shown()
        seen = weakref.ref(shown)
        assert environment.get_template(template).render({"shown": shown}) == text
        del shown
        assert seen() is None


@pytest.mark.parametrize("path", ["/", "/?view=week", "/?process=milling&hours=2", "/parts/offers", "/offers/none"])
def test_no_offers_are_left_of_a_page(platform: Platform, path: str) -> None:
    """A page with two dozen machines left some four thousand objects behind."""
    platform.machine(process="milling")
    for number in range(4):
        platform.offer(f"o{number}", 3 + 10 * number, 8, minimum_hours=1)
    shown = platform.anyone.get(path).text  # what is read once is there from now on
    gc.collect()
    before = _rows()
    gc.disable()
    try:
        for number in range(5):
            assert platform.anyone.get(f"{path}{'&' if '?' in path else '?'}q2={number}").text[:100] == shown[:100]
        wait_for(lambda: _rows() <= before, "what was shown to be gone")
    finally:
        gc.enable()


def _rows() -> int:
    return sum(type(one) in (Offer, Machine, RankedOffer) for one in gc.get_objects())
