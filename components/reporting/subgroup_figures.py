"""The C-index of a model in subgroups of patients, apparent and test side by side."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from components.arms.subgroup_records import SubgroupLevel, Subgroups
from components.reporting.split_marks import draw_mark
from components.reporting.style import FAINT, MUTED, arm_color, figure_style, new_figure
from components.reporting.wording import SPLIT_NAMES, estimate_text
from components.study.vocabulary import DataOrigin, Split

_ROW_IN = 0.36
_OFFSET = {Split.TRAIN: -0.2, Split.TEST: 0.2}


@dataclass(frozen=True)
class _Row:
    """A line of the plot: a variable's name, or a level in each split."""

    text: str
    levels: dict[Split, SubgroupLevel]


@figure_style()
def draw_subgroups(subgroups: Sequence[Subgroups], *, origin: DataOrigin) -> Figure:
    """A forest plot of one arm: training (apparent) hollow, test filled, counts and figures beside.

    Raises:
        ValueError: There is no subgroup.
    """
    if not subgroups:
        msg = "expected subgroups to draw, came none"
        raise ValueError(msg)
    rows = _rows(subgroups)
    figure = new_figure(8.6, 1.0 + _ROW_IN * len(rows), origin=origin)
    axes = figure.subplots()
    for at, row in enumerate(rows):
        for split, level in row.levels.items():
            y, c = at + _OFFSET[split], level.c_harrell
            draw_mark(axes, y, c, arm=subgroups[0].arm, split=split, test_size=6)
        if not row.levels and at:
            axes.axhline(at - 0.5, color=FAINT, lw=0.8)
    axes.set_yticks(range(len(rows)), [row.text for row in rows])
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("normal" if row.levels else "bold")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(*_limits(subgroups))
    axes.axvline(0.5, color=MUTED, lw=0.8, ls=":")
    axes.set_xlabel(f"Harrell's C ({_level(subgroups):.0%} interval)")
    axes.grid(visible=True, axis="x")
    axes.tick_params(axis="y", length=0)
    _legend(axes)
    _figures_beside(axes, rows, arm_color(subgroups[0].arm))
    return figure


def _rows(subgroups: Sequence[Subgroups]) -> list[_Row]:
    rows = []
    for variable in dict.fromkeys(one.variable for one in subgroups):
        by_split = {one.split: one for one in subgroups if one.variable == variable}
        first = next(iter(by_split.values()))
        rows.append(_Row(first.label, {}))
        for number, level in enumerate(first.levels):
            levels = {split: one.levels[number] for split, one in by_split.items()}
            rows.append(_Row(level.level, levels))
    return rows


def _level(subgroups: Sequence[Subgroups]) -> float:
    return subgroups[0].levels[0].c_harrell.level


def _limits(subgroups: Sequence[Subgroups]) -> tuple[float, float]:
    """From the lowest to the highest limit of an interval, 0.5 among them."""
    found = [
        limit
        for one in subgroups
        for level in one.levels
        for limit in (level.c_harrell.lower, level.c_harrell.upper)
        if limit is not None
    ]
    return min([0.48, *found]) - 0.02, min(max([0.8, *found]) + 0.02, 1.02)


def _figures_beside(axes: Axes, rows: Sequence[_Row], color: str) -> None:
    """Deaths, patients and C of every level and split, as labels of a second axis."""
    texts = {-0.6: ("deaths/n    C", MUTED)}
    for at, row in enumerate(rows):
        for split, level in row.levels.items():
            shown = color if split is Split.TEST else MUTED
            texts[at + _OFFSET[split]] = (_figure_text(level), shown)
    right = axes.secondary_yaxis("right")
    right.yaxis.set_major_locator(FixedLocator(list(texts)))
    right.yaxis.set_major_formatter(FixedFormatter([text for text, _ in texts.values()]))
    right.yaxis.set_minor_locator(NullLocator())
    right.tick_params(axis="y", length=0, labelsize=7.5)
    right.spines["right"].set_visible(False)
    for label, (_, shown) in zip(right.get_yticklabels(), texts.values(), strict=True):
        label.set_color(shown)


def _figure_text(level: SubgroupLevel) -> str:
    c = level.c_harrell
    # Figure spaces are as wide as digits: the C of all levels stand below each other. Those at the
    # end keep the text inside a PNG, whose letters run wider than the layout thinks.
    counts = f"{level.n_events}/{level.n}".rjust(7, "\u2007")
    return f"{counts}   {'not estimable' if c.value is None else estimate_text(c, 2)}\u2007\u2007"


def _legend(axes: Axes) -> None:
    for split in Split:
        is_test = split is Split.TEST
        axes.plot(
            [],
            [],
            marker="o" if is_test else "s",
            color=MUTED,
            mfc=MUTED if is_test else "white",
            label=SPLIT_NAMES[split],
        )
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
