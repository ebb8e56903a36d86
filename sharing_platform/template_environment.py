"""Jinja templates that leave nothing behind in memory: what a page showed goes as soon as its text is made.

Jinja's contexts and the macros in them refer to each other, and a context has all that the page shows. Hundreds of offers would stay until Python looks for such
cycles, which takes longer the more there are of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jinja2 import Environment, Template
from jinja2.runtime import Context

_MADE = "contexts_of_the_page"


class _PageContext(Context):
    """Adds itself to the contexts of its page: the page's own, and one for each template that is imported or included."""

    def __init__(self, environment: Environment, parent: dict[str, Any], *more: Any, **named: Any) -> None:
        super().__init__(environment, parent, *more, **named)
        made = parent.get(_MADE)
        if made is not None:
            made.append(self)


class _PageTemplate(Template):
    def render(self, *values: Mapping[str, Any], **named: Any) -> str:
        made: list[Context] = []
        try:
            return super().render(*values, **named, **{_MADE: made})
        finally:
            for context in made:
                context.vars.clear()
                context.parent.clear()


class PageEnvironment(Environment):
    """Where templates are whose pages leave nothing behind."""

    context_class = _PageContext
    template_class = _PageTemplate
