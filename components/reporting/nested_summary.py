"""The honest figure in the terminal, before everything else."""

from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from components.reporting.nested_section import conclusion, figure_rows
from components.signature.nested_records import NestedSignature


def nested_lines(nested: NestedSignature) -> list[RenderableType]:
    """Conclusion, then the figures, so named."""
    evident = any(path.has_evident_value for path in nested.paths.values())
    title = (
        f"Harrell's C of the signature, {nested.n_repeats} draws of {nested.n_folds} folds "
        f"({nested.level:.0%} interval)"
    )
    table = RichTable(title=title, title_justify="left", box=None)
    table.add_column("Path", no_wrap=True)
    table.add_column("Figure")
    for head in ("C", "SD folds", "SD draws", "Null folds"):
        table.add_column(head, justify="right", no_wrap=True)
    for name, path in nested.paths.items():
        for index, row in enumerate(figure_rows(path)):
            cells = [cell.replace("\u00a0to\u00a0", "–") for cell in row]
            table.add_row(name, *cells, style=None if index else "bold")
    return [Text(conclusion(nested), style="bold green" if evident else "bold yellow"), table]
