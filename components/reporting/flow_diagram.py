"""The flow of patients: who came, who was set aside or excluded by which rule, who is studied.

As journals print it after STROBE and CONSORT: the trunk goes down, who leaves it stands to the
right with the reason and the arm, and the trunk ends in the arms and their parts.
"""

import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from components.cohort.eligibility import Eligibility, FlowStage
from components.reporting.style import INK, MUTED, arm_color, figure_style, new_figure
from components.reporting.wording import ABSENT, count_text
from components.study.results import Quarantined, Record
from components.study.vocabulary import DataOrigin, Split, TreatmentArm

_LINE_IN, _PAD_IN, _EDGE_IN = 0.185, 0.13, 0.15
_GAP_IN = 0.3
_MAIN_IN, _RULE_IN, _COLUMN_IN = 2.75, 2.62, 0.72
_MAIN_LETTERS, _NOTE_LETTERS = 40, 105
_SIZE = 8.5


class PartCount(Record):
    """Patients and deaths of an arm in a part of the cohort."""

    arm: TreatmentArm
    split: Split
    n: int
    n_events: int


@dataclass(frozen=True)
class _Line:
    """A line of a box: text on the left and, in a box of who left, a count for each column."""

    text: str
    counts: tuple[str, ...] = ()
    is_head: bool = False
    is_muted: bool = False
    indent_in: float = 0.0


@figure_style()
def draw_flow(
    eligibility: Eligibility,
    quarantined: Sequence[Quarantined],
    parts: Sequence[PartCount],
    *,
    origin: DataOrigin,
) -> Figure:
    """The flow diagram of a run, from the table to the parts of each arm."""
    first, passed, *_ = eligibility.stages
    trunk = [
        _stage_lines("In the clinical table", first),
        _stage_lines("Assessed for eligibility", passed),
        _stage_lines("Studied", eligibility.stages[-1]),
    ]
    sides = [_set_aside_lines(eligibility, quarantined), _excluded_lines(eligibility)]
    arms = list(dict.fromkeys(part.arm for part in parts))
    arm_lines = [_arm_lines(arm, parts) for arm in arms]
    notes = _notes(eligibility)
    side_in = _RULE_IN + _COLUMN_IN * max(len(line.counts) for line in sides[1])
    width_in = 2 * _EDGE_IN + _MAIN_IN + _GAP_IN + side_in
    height_in = (
        _EDGE_IN
        + sum(_height(lines) for lines in trunk)
        + sum(_between(lines) for lines in sides)
        + _GAP_IN
        + max((_height(lines) for lines in arm_lines), default=0)
        + 0.17 * len(notes)
        + 0.25
    )
    figure = new_figure(width_in, height_in, origin=origin)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, width_in)
    axes.set_ylim(height_in, 0)
    y = _draw_trunk(axes, trunk, sides, side_in)
    y = _draw_arms(axes, arms, arm_lines, y, width_in)
    for index, note in enumerate(notes):
        at = y + 0.2 + 0.17 * index
        axes.text(_EDGE_IN, at, note, fontsize=7.5, color=MUTED, va="center")
    return figure


def _draw_trunk(
    axes: Axes, trunk: list[list[_Line]], sides: list[list[_Line]], side_in: float
) -> float:
    """The trunk, and to its right who leaves between two of its boxes; where it ends."""
    middle, side_x = _EDGE_IN + _MAIN_IN / 2, _EDGE_IN + _MAIN_IN + _GAP_IN
    end = _box(axes, trunk[0], _EDGE_IN, _EDGE_IN, _MAIN_IN)
    for lines, side in zip(trunk[1:], sides, strict=True):
        start = end + _between(side)
        top = end + (_between(side) - _height(side)) / 2
        at = top + _height(side) / 2
        _arrow(axes, (middle, end), (middle, start))
        _arrow(axes, (middle, at), (side_x, at))
        _box(axes, side, side_x, top, side_in)
        end = _box(axes, lines, _EDGE_IN, start, _MAIN_IN)
    return end


def _draw_arms(
    axes: Axes,
    arms: list[TreatmentArm],
    arm_lines: list[list[_Line]],
    top: float,
    width_in: float,
) -> float:
    if not arms:
        return top
    width = (width_in - 2 * _EDGE_IN - 0.25 * (len(arms) - 1)) / len(arms)
    middle = _EDGE_IN + _MAIN_IN / 2
    y, fork = top + _GAP_IN, top + _GAP_IN / 2
    end = y
    for index, (arm, lines) in enumerate(zip(arms, arm_lines, strict=True)):
        x = _EDGE_IN + index * (width + 0.25)
        center = x + width / 2
        axes.plot([middle, middle, center], [top, fork, fork], color=MUTED, lw=1)
        _arrow(axes, (center, fork), (center, y))
        end = max(end, _box(axes, lines, x, y, width, color=arm_color(arm)))
    return end


def _stage_lines(title: str, stage: FlowStage) -> list[_Line]:
    parts = [f"{TreatmentArm(arm).label} {n}" for arm, n in stage.counts.items()]
    if stage.of_no_arm:
        parts.append(f"other or no treatment {stage.of_no_arm}")
    head = _Line(f"{title}: {count_text(stage.total, 'patient')}", is_head=True)
    return [head, *(_Line(text) for text in textwrap.wrap(", ".join(parts), _MAIN_LETTERS))]


def _columns(eligibility: Eligibility) -> list[str]:
    """The heads above the counts of who left: the arms, who is of none, all."""
    first = eligibility.stages[0]
    arms = [TreatmentArm(arm).label for arm in first.counts]
    return [*arms, *(["No arm"] if first.of_no_arm else []), "All"]


def _counts(eligibility: Eligibility, arms: dict[str, int], of_no_arm: int) -> tuple[str, ...]:
    numbers = [*arms.values(), *([of_no_arm] if eligibility.stages[0].of_no_arm else [])]
    return tuple(str(n) for n in (*numbers, sum(numbers)))


def _set_aside_lines(eligibility: Eligibility, quarantined: Sequence[Quarantined]) -> list[_Line]:
    _, arms, of_no_arm = eligibility.steps[0]
    counts = _counts(eligibility, arms, of_no_arm) if quarantined else ()
    head = f"Set aside by a check of the data: {len(quarantined)}"
    blank = ("",) * (len(_columns(eligibility)) - 1)
    found_by = Counter(one.found_by for one in quarantined)
    return [
        _Line(head, counts=tuple(_columns(eligibility)) if quarantined else (), is_head=True),
        *([_Line("all", counts=counts, indent_in=0.16)] if len(found_by) > 1 else []),
        *(
            _Line(
                f"by {name}",
                counts=counts if len(found_by) == 1 else (*blank, str(n)),
                indent_in=0.16,
            )
            for name, n in found_by.items()
        ),
    ]


def _excluded_lines(eligibility: Eligibility) -> list[_Line]:
    """Who broke which rule first, every rule in its order, those not assessable among them."""
    heads = tuple(_columns(eligibility))
    text = f"Excluded, first rule not met: {len(eligibility.excluded)}"
    lines = [_Line(text, counts=heads, is_head=True)]
    for stage, arms, of_no_arm in eligibility.steps[1:]:
        counts = tuple(ABSENT if n == "0" else n for n in _counts(eligibility, arms, of_no_arm))
        lines.append(_Line(stage.name, counts=counts, indent_in=0.16))
    return lines


def _arm_lines(arm: TreatmentArm, parts: Sequence[PartCount]) -> list[_Line]:
    own = [part for part in parts if part.arm == arm]
    total = sum(part.n for part in own)
    names = {Split.TRAIN: "Training", Split.TEST: "Test"}
    return [
        _Line(f"{arm.label}: {count_text(total, 'patient')}", is_head=True),
        *(_Line(f"{names[part.split]}: {part.n}, {part.n_events} died") for part in own),
    ]


def _notes(eligibility: Eligibility) -> list[str]:
    """Below the boxes: what no rule could judge, of everybody or of some."""
    said = []
    if eligibility.not_assessable:
        said.append(f"Not assessable in these data: {'; '.join(eligibility.not_assessable)}.")
    if eligibility.not_assessed:
        counted = "; ".join(f"{rule} ({n})" for rule, n in eligibility.not_assessed.items())
        said.append(f"Not assessed, as the patient's cell is empty, and not excluded: {counted}.")
    return [line for one in said for line in textwrap.wrap(one, _NOTE_LETTERS)]


def _height(lines: Sequence[_Line]) -> float:
    return 2 * _PAD_IN + _LINE_IN * len(lines)


def _between(side: Sequence[_Line]) -> float:
    """The stretch of the trunk beside which a box of who left stands."""
    return max(_height(side) + 0.24, 2 * _GAP_IN)


def _box(
    axes: Axes, lines: Sequence[_Line], x: float, y: float, width: float, *, color: str = MUTED
) -> float:
    """Draw a box of text with its top left corner at (x, y); the height where it ends."""
    height = _height(lines)
    axes.add_patch(
        FancyBboxPatch(
            (x, y),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor="none",
            edgecolor=color,
            linewidth=1.2,
        )
    )
    for index, line in enumerate(lines):
        at = y + _PAD_IN + _LINE_IN * (index + 0.5)
        weight = "bold" if line.is_head else "normal"
        axes.text(
            x + 0.14 + line.indent_in,
            at,
            line.text,
            fontsize=_SIZE,
            va="center",
            color=INK,
            fontweight=weight,
        )
        _write_counts(axes, line, x + width - 0.14, at)
    return y + height


def _write_counts(axes: Axes, line: _Line, right: float, at: float) -> None:
    """The counts of a line, right-aligned under their heads, the last one at `right`."""
    for place, count in enumerate(reversed(line.counts)):
        axes.text(
            right - place * _COLUMN_IN + (place > 0) * 0.22,
            at,
            count,
            fontsize=_SIZE - 1 if line.is_head else _SIZE,
            va="center",
            ha="right",
            color=MUTED if line.is_head else INK,
        )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 1, "shrinkA": 0, "shrinkB": 0},
    )
