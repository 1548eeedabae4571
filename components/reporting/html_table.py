"""A table as data, and its HTML: the one way in which the report makes tables."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of text under column heads. A row of one cell is a heading within the table.

    `text_columns` are left-aligned beside the first; figures are aligned right.
    `marked_rows` stand out (the chosen backbone, the deployed model).
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()
    text_columns: frozenset[int] = frozenset()
    marked_rows: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        wrong = [row for row in self.rows if len(row) not in {1, len(self.columns)}]
        if wrong:
            msg = (
                f"table '{self.caption}': expected rows of 1 or {len(self.columns)} cells, "
                f"came one of {len(wrong[0])}"
            )
            raise ValueError(msg)


def table(
    caption: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    notes: Iterable[str] = (),
    text_columns: Iterable[int] = (),
    marked_rows: Iterable[int] = (),
) -> Table:
    """A `Table` of any sequences."""
    return Table(
        caption=caption,
        columns=tuple(columns),
        rows=tuple(tuple(row) for row in rows),
        notes=tuple(notes),
        text_columns=frozenset(text_columns),
        marked_rows=frozenset(marked_rows),
    )


@cache
def template_environment() -> Environment:
    """The templates of the report: everything is escaped, an unknown name is an error."""
    environment = Environment(
        loader=PackageLoader("components.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["table"] = html
    return environment


def html(content: Table) -> Markup:
    """The table as an HTML `<table>` with its caption and notes; every cell is escaped."""
    text = template_environment().get_template("table.html.j2").render(table=content)
    return Markup(text)  # noqa: S704  the template has escaped it
