"""A PDF page as all documents have it: typeface, head, foot, tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF, FontFace
from fpdf.enums import TableBordersLayout, TextEmphasis, XPos, YPos

_FONTS = Path(__file__).parent / "fonts"
_FAMILY = "figtree"
_BRAND = (11, 83, 69)
_SOFT = (77, 95, 85)
_RULE = (176, 190, 182)
_LINE = 5.5


class Document(FPDF):
    """An A4 page in portrait. `foot`: what stands at the bottom of each page, before its number."""

    def __init__(self, title: str, language: str, made: datetime, foot: str, landscape: bool = False) -> None:
        super().__init__("landscape" if landscape else "portrait", format="A4")
        self._foot = foot
        for style, name in (("", "regular"), ("B", "bold")):
            self.add_font(_FAMILY, style, _FONTS / f"figtree-{name}.ttf")
        self.set_title(title)
        self.set_lang(language)
        self.set_creator("Vrijloop")
        self.set_creation_date(made)
        self.set_margins(20, 18, 20)
        self.set_auto_page_break(True, 22)
        self.set_font(_FAMILY, size=10)
        self.set_draw_color(*_RULE)
        self.add_page()

    def header(self) -> None:
        self.set_font(_FAMILY, "B", 12)
        self.set_text_color(*_BRAND)
        self.cell(0, 8, "Vrijloop", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(4)
        self._plain()

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font(_FAMILY, size=8)
        self.set_text_color(*_SOFT)
        self.cell(0, 5, f"{self._foot} · {self.page_no()}", align="C")
        self._plain()

    def normalize_text(self, text: str) -> str:
        """The typeface has no narrow no-break space, which French writes."""
        return str(super().normalize_text(text.replace(" ", " ")))

    def heading(self, text: str, size: int = 20) -> None:
        self.set_font(_FAMILY, "B", size)
        self.multi_cell(0, size * 0.5, text, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.ln(2)
        self._plain()

    def section(self, text: str) -> None:
        self.ln(4)
        self.set_text_color(*_BRAND)
        self.heading(text, 13)

    def paragraph(self, text: str, soft: bool = False) -> None:
        if soft:
            self.set_text_color(*_SOFT)
        self.multi_cell(0, _LINE, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._plain()

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """What something is, and its name before it."""
        with self.table(
            borders_layout=TableBordersLayout.NONE, col_widths=(1, 3), first_row_as_headings=False, line_height=_LINE, padding=(0.4, 1),
            text_align="L",
        ) as table:  # fmt: skip
            for name, value in rows:
                row = table.row()
                row.cell(name, style=FontFace(color=_SOFT))
                row.cell(value)

    def amounts(
        self, head: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[float], left: int, strong: int = 0
    ) -> None:
        """The first `left` columns are text, the others numbers; the last `strong` rows are sums."""
        found = list(rows)
        align = ["L" if number < left else "R" for number in range(len(head))]
        with self.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES, col_widths=tuple(widths), line_height=_LINE, padding=1, text_align=align,
            headings_style=FontFace(emphasis=TextEmphasis.B, color=_SOFT),
        ) as table:  # fmt: skip
            table.row(head)
            for number, cells in enumerate(found):
                style = FontFace(emphasis=TextEmphasis.B) if number >= len(found) - strong else None
                table.row(cells, style=style)

    def content(self) -> bytes:
        return bytes(self.output())

    def _plain(self) -> None:
        self.set_text_color(0)
        self.set_font(_FAMILY, size=10)
