"""One look for every figure, the watermark of synthetic data, and files with equal bytes.

Figures are built without pyplot and saved with fixed identifiers and without dates: the same
records give the same bytes. Colors are those of Okabe and Ito and of Paul Tol, which color-blind
readers can tell apart; line styles and markers repeat what a color says.
"""

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.typing import RcKeyType

from components.study.vocabulary import DataOrigin, ModelKind, RiskGroup, TreatmentArm

INK = "#1f2933"
MUTED = "#5f6b7a"
FAINT = "#d5dbe3"

_ARM_COLORS = ("#0072b2", "#aa3377", "#117733", "#e69f00", "#332288")
MODEL_COLORS = {
    ModelKind.CLINICAL: "#56a3d9",
    ModelKind.DLRADIOMICS: "#d98e04",
    ModelKind.COMBINED: INK,
}
MODEL_DASHES: dict[ModelKind, Literal["-", "--", ":"]] = {
    ModelKind.CLINICAL: "--",
    ModelKind.DLRADIOMICS: ":",
    ModelKind.COMBINED: "-",
}
RISK_COLORS = {RiskGroup.LOW: "#009e73", RiskGroup.HIGH: "#d55e00"}
RISK_DASHES: dict[RiskGroup, Literal["-", "--"]] = {RiskGroup.LOW: "-", RiskGroup.HIGH: "--"}
SERIES_COLORS = ("#332288", "#cc6677", "#2a9d8f", "#b58900", "#882255", "#6699cc")
"""Colors of series that have none of their own: backbones, horizons."""

SYNTHETIC_NOTE = "Synthetic data: these patients do not exist."

_STYLE: dict[RcKeyType, Any] = {
    # Verdana has the widths of DejaVu Sans, for readers of the SVG who lack the latter.
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "Helvetica"],
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.facecolor": "none",
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.fonttype": "none",
    "svg.hashsalt": "armwise",
    "pdf.fonttype": 42,
    "path.simplify": True,
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Matplotlib's settings of this project; `@figure_style()` holds for a whole function."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def arm_color(arm: TreatmentArm) -> str:
    """The arm's color, by its place in the vocabulary."""
    return _ARM_COLORS[list(TreatmentArm).index(arm) % len(_ARM_COLORS)]


def series_color(position: int) -> str:
    """The color of the series at a position."""
    return SERIES_COLORS[position % len(SERIES_COLORS)]


@figure_style()
def new_figure(width_in: float, height_in: float, *, origin: DataOrigin) -> Figure:
    """An empty figure of a size in inches, watermarked where the data are synthetic.

    The watermark lies under the axes, whose background is transparent: it hides no data.
    """
    figure = Figure(figsize=(width_in, height_in), layout=_layout())
    if origin is DataOrigin.SYNTHETIC:
        _watermark(figure, width_in, height_in)
    return figure


def _layout() -> ConstrainedLayoutEngine:
    return ConstrainedLayoutEngine(w_pad=0.09, h_pad=0.09, wspace=0.03, hspace=0.03)


def _watermark(figure: Figure, width_in: float, height_in: float) -> None:
    angle = math.degrees(math.atan2(height_in, width_in))
    mark = figure.text(
        0.5,
        0.5,
        "SYNTHETIC",
        fontsize=7.5 * min(width_in, 2.2 * height_in),
        fontweight="bold",
        color="#edf0f4",
        rotation=min(angle, 35),
        ha="center",
        va="center",
        zorder=-10,
        gid="watermark",
    )
    note = figure.supxlabel(SYNTHETIC_NOTE, x=0.985, ha="right", fontsize=7, color=MUTED)
    mark.set_in_layout(False)
    note.set_gid("synthetic-note")


def svg_bytes(figure: Figure) -> bytes:
    """The figure as SVG; its text stays text."""
    return _rendered(figure, "svg", {"Date": None, "Creator": "armwise"})


def png_bytes(figure: Figure, *, dots_per_inch: float = 200) -> bytes:
    """The figure as PNG."""
    return _rendered(figure, "png", {"Software": "armwise"}, dpi=dots_per_inch)


def save(figure: Figure, path: Path) -> Path:
    """Write the figure to `path` as its suffix says (.svg or .png); the path.

    Raises:
        ValueError: The suffix is neither.
    """
    writers = {".svg": svg_bytes, ".png": png_bytes}
    if path.suffix not in writers:
        msg = f"expected a path that ends in .svg or .png, came '{path.suffix}'"
        raise ValueError(msg)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(writers[path.suffix](figure))
    return path


@figure_style()
def _rendered(
    figure: Figure, kind: str, metadata: dict[str, str | None], *, dpi: float = 100
) -> bytes:
    # Laid out once: each further layout would move the axes a little, and with them the bytes.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, metadata=metadata, dpi=dpi)
    return buffer.getvalue()
