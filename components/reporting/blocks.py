"""What a report is made of: sections of prose, bullets, tables, pictures and folded parts."""

import base64
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from components.reporting.html_table import Table
from components.reporting.style import png_bytes, svg_bytes

_LARGEST_SVG_BYTES = 400_000


@dataclass(frozen=True)
class Prose:
    """A paragraph; `tone` "key" stands out, "warning" warns."""

    text: str
    tone: str = "plain"
    kind: str = field(default="prose", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    anchor: str = ""
    kind: str = field(default="heading", init=False)


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: tuple[str, ...]
    kind: str = field(default="bullets", init=False)


@dataclass(frozen=True)
class Tile:
    """One figure of the overview."""

    value: str
    label: str


@dataclass(frozen=True)
class Tiles:
    """The overview's figures side by side."""

    items: tuple[Tile, ...]
    kind: str = field(default="tiles", init=False)


@dataclass(frozen=True)
class Code:
    """Text as it stands in a file."""

    text: str
    kind: str = field(default="code", init=False)


@dataclass(frozen=True)
class Picture:
    """A picture inside the page; `alt` says what it shows to those who cannot see it."""

    data_uri: str
    caption: str
    alt: str
    width_in: float
    kind: str = field(default="picture", init=False)


@dataclass(frozen=True)
class Rows:
    """A table as a block."""

    table: Table
    kind: str = field(default="rows", init=False)


@dataclass(frozen=True)
class Folded:
    """Blocks behind a line that opens them; they are printed open."""

    summary: str
    blocks: "tuple[Block, ...]"
    kind: str = field(default="folded", init=False)


Block = Prose | Heading | Bullets | Tiles | Code | Picture | Rows | Folded


@dataclass(frozen=True)
class Section:
    """A part of the report that the table of contents names."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


def picture(figure: Figure, *, caption: str, alt: str) -> Picture:
    """The figure as a picture of the page: SVG, or PNG where its SVG would be heavy."""
    content, media = svg_bytes(figure), "svg+xml"
    if len(content) > _LARGEST_SVG_BYTES:
        content, media = png_bytes(figure), "png"
    text = base64.b64encode(content).decode("ascii")
    return Picture(
        data_uri=f"data:image/{media};base64,{text}",
        caption=caption,
        alt=alt,
        width_in=float(figure.get_figwidth()),
    )
