"""From what the region writes to what a page shows: Markdown without HTML, sanitised."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from sharing_platform.i18n import typeset

_TAGS = {
    "h2",
    "h3",
    "h4",
    "p",
    "ul",
    "ol",
    "li",
    "strong",
    "em",
    "a",
    "blockquote",
    "hr",
    "br",
    "code",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
}
_FACT = re.compile(r"\{([a-z_]+)\}")
_GAP = re.compile(r"\[(?:in te vullen|à compléter|to be filled in)\b[^\]]*\]")


@cache
def _markdown() -> MarkdownIt:
    """CommonMark with tables. HTML is text, and so are pictures: they would come from elsewhere."""
    return MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


def rendered(text: str, facts: Mapping[str, object], language: str) -> Markup:
    """`facts`: what stands for `{name}`; other names stay as they are. A heading of the first rank becomes one of the second: the page has a title."""
    known = _FACT.sub(lambda found: str(facts.get(found[1], found[0])), text)
    tokens = _markdown().parse(known)
    for token in tokens:
        if token.tag == "h1":
            token.tag = "h2"
        for part in token.children or () if language == "fr" else ():
            if part.type == "text":
                part.content = typeset(part.content)
    html = _markdown().renderer.render(tokens, _markdown().options, {})
    attributes = {"a": {"href"}, "ol": {"start"}}
    clean = nh3.clean(
        html, tags=_TAGS, attributes=attributes, url_schemes={"https", "http", "mailto", "tel"}, link_rel="noopener noreferrer nofollow"
    )  # fmt: skip
    return Markup(clean)  # noqa: S704 - sanitised


def gaps(text: str) -> list[str]:
    """What is shipped to be filled in, and is not yet."""
    return _GAP.findall(text)
