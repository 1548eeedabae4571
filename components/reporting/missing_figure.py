"""Missing values: how many by column and arm, and which columns are empty together."""

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from components.cohort.missingness import Missingness, MissingPattern
from components.reporting.style import FAINT, INK, MUTED, arm_color, figure_style, new_figure
from components.study.vocabulary import DataOrigin

MOST_COLUMNS = 30
MOST_PATTERNS = 10
_ROW_IN, _ARM_IN, _PATTERN_IN, _BARS_IN = 0.27, 1.0, 0.34, 0.95
_DEEPEST_SHARE = 0.5
"""A share from which on the color does not deepen."""

_SHADES = LinearSegmentedColormap.from_list("missing", ["#ffffff", "#e8b26a", "#a8481b"])


@figure_style()
def draw_missing(missing: Missingness, *, origin: DataOrigin) -> Figure:
    """Empty cells by column and arm as shaded counts, with the patterns beside them.

    The columns with most gaps, `MOST_COLUMNS` at most, and as many patterns as fit.

    Raises:
        ValueError: Nothing is missing.
    """
    if not missing.columns:
        msg = "expected a column with an empty cell to draw, came none"
        raise ValueError(msg)
    names = _drawn(missing)
    patterns = _shown_patterns(missing, names)
    arms_in, patterns_in = _ARM_IN * len(missing.sizes), _PATTERN_IN * len(patterns)
    rows_in = _ROW_IN * len(names)
    figure = new_figure(
        2.3 + arms_in + (0.5 + patterns_in if patterns else 0.3),
        0.8 + rows_in + (_BARS_IN if patterns else 0.0),
        origin=origin,
    )
    if not patterns:
        _draw_shares(figure.subplots(), missing, names)
        return figure
    grid = figure.subplots(
        2, 2, width_ratios=(arms_in, patterns_in), height_ratios=(_BARS_IN, rows_in), squeeze=False
    )
    grid[0][0].set_axis_off()
    _draw_shares(grid[1][0], missing, names)
    _draw_counts(grid[0][1], missing, patterns)
    _draw_patterns(grid[1][1], names, patterns)
    return figure


def _drawn(missing: Missingness) -> list[str]:
    """The names of the columns drawn, in the codebook's order."""
    most = sorted(missing.columns, key=lambda one: -one.total)[:MOST_COLUMNS]
    return [one.name for one in missing.columns if one in most]


def _shown_patterns(missing: Missingness, names: list[str]) -> list[MissingPattern]:
    """The most frequent patterns; none where a single one would repeat the counts."""
    shown = [one for one in missing.patterns if set(one.columns) <= set(names)][:MOST_PATTERNS]
    return shown if any(len(one.columns) > 1 for one in shown) else []


def _draw_shares(axes: Axes, missing: Missingness, names: list[str]) -> None:
    by_name = {one.name: one for one in missing.columns}
    for row, name in enumerate(names):
        for at, arm in enumerate(missing.sizes):
            n, share = by_name[name].n_missing[arm], missing.share(by_name[name], arm)
            depth = min(share / _DEEPEST_SHARE, 1.0)
            color = _SHADES(depth) if n else "none"
            axes.add_patch(
                Rectangle((at - 0.5, row - 0.5), 1, 1, facecolor=color, edgecolor=FAINT, lw=0.8)
            )
            axes.text(
                at,
                row,
                f"{n} ({100 * share:.1f}%)" if n else "0",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if depth > 0.75 else (INK if n else MUTED),
            )
    heads = [f"{arm.label}\nn = {size}" for arm, size in missing.sizes.items()]
    axes.set_xticks(range(len(heads)), heads)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(names)), [by_name[name].label for name in names])
    axes.set_xlim(-0.5, len(heads) - 0.5)
    axes.set_ylim(len(names) - 0.5, -0.5)
    _bare(axes)


def _draw_counts(axes: Axes, missing: Missingness, patterns: list[MissingPattern]) -> None:
    """Patients of each pattern, arm upon arm."""
    bottoms = [0] * len(patterns)
    for arm in missing.sizes:
        heights = [one.counts[arm] for one in patterns]
        axes.bar(
            range(len(patterns)),
            heights,
            bottom=bottoms,
            width=0.62,
            color=arm_color(arm),
            label=arm.label,
        )
        bottoms = [below + height for below, height in zip(bottoms, heights, strict=True)]
    for at, total in enumerate(bottoms):
        axes.annotate(
            str(total),
            (at, total),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_xlim(-0.6, len(patterns) - 0.4)
    axes.set_ylim(0, 1.25 * max(bottoms))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_title("Empty together (patients)", fontsize=8.5, fontweight="normal")
    if len(missing.sizes) > 1:
        axes.legend(loc="upper right", fontsize=7.5, handlelength=1)


def _draw_patterns(axes: Axes, names: list[str], patterns: list[MissingPattern]) -> None:
    """For each pattern a column of dots: filled where the column is empty."""
    for at, pattern in enumerate(patterns):
        rows = [names.index(name) for name in pattern.columns]
        axes.plot([at] * len(names), range(len(names)), "o", ms=4.5, color=FAINT)
        axes.plot([at] * len(rows), rows, "o-", ms=5.5, lw=1.4, color=INK)
    axes.set_xlim(-0.6, len(patterns) - 0.4)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    _bare(axes)


def _bare(axes: Axes) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
