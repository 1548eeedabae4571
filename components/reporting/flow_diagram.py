"""The flow of patients: who came, who was set aside or excluded by which rule, who is studied."""

import textwrap
from collections import Counter
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from components.cohort.eligibility import Eligibility, FlowStage
from components.reporting.style import INK, MUTED, arm_color, figure_style, new_figure
from components.reporting.wording import count_text
from components.study.results import Quarantined, Record
from components.study.vocabulary import DataOrigin, Split, TreatmentArm

_WIDTH_IN = 7.6
_LINE_IN = 0.185
_PAD_IN = 0.13
_GAP_IN = 0.34
_MAIN_X_IN, _MAIN_WIDTH_IN = 0.15, 3.52525
_INDENT = "\t"
_NOTE_LETTERS = 120
_SIDE_X_IN, _SIDE_WIDTH_IN = 4.1, 3.35


class PartCount(Record):
    """Patients and deaths of an arm in a part of the cohort."""

    arm: TreatmentArm
    split: Split
    n: int
    n_events: int


@figure_style()
def draw_flow(
    eligibility: Eligibility,
    quarantined: Sequence[Quarantined],
    parts: Sequence[PartCount],
    *,
    origin: DataOrigin,
) -> Figure:
    """The flow diagram of a run, from the table to the parts of each arm."""
    first, *_, last = eligibility.stages
    main = [_stage_lines("In the clinical table", first), _stage_lines("Studied", last)]
    sides = [_side_lines(eligibility, quarantined)]
    arms = list(dict.fromkeys(part.arm for part in parts))
    arm_lines = [_arm_lines(arm, parts) for arm in arms]
    side_height = sum(_height(lines) for lines in sides)
    notes = _notes(eligibility)
    height_in = (
        0.15
        + sum(_height(lines) for lines in main)
        + max(side_height + 0.3, 2 * _GAP_IN)
        + _GAP_IN
        + max((_height(lines) for lines in arm_lines), default=0)
        + 0.2 * len(notes)
        + 0.4
    )
    figure = new_figure(_WIDTH_IN, height_in, origin=origin)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    axes.set_xlim(0, _WIDTH_IN)
    axes.set_ylim(height_in, 0)
    y = _draw_trunk(axes, main, sides[0], max(side_height + 0.3, 2 * _GAP_IN))
    y = _draw_arms(axes, arms, arm_lines, y)
    for index, note in enumerate(notes):
        axes.text(_MAIN_X_IN, y + 0.2 + 0.2 * index, note, fontsize=7.5, color=MUTED, va="center")
    return figure


def _draw_trunk(axes: Axes, main: list[list[str]], side: list[str], between_in: float) -> float:
    middle = _MAIN_X_IN + _MAIN_WIDTH_IN / 2
    top = 0.15
    end = _box(axes, main[0], _MAIN_X_IN, top, _MAIN_WIDTH_IN)
    start = end + between_in
    _arrow(axes, (middle, end), (middle, start))
    side_top = end + (between_in - _height(side)) / 2
    at = side_top + _height(side) / 2
    _arrow(axes, (middle, at), (_SIDE_X_IN, at))
    _box(axes, side, _SIDE_X_IN, side_top, _SIDE_WIDTH_IN)
    return _box(axes, main[1], _MAIN_X_IN, start, _MAIN_WIDTH_IN)


def _draw_arms(
    axes: Axes, arms: list[TreatmentArm], arm_lines: list[list[str]], top: float
) -> float:
    if not arms:
        return top
    width = (_WIDTH_IN - 0.3 - 0.25 * (len(arms) - 1)) / len(arms)
    middle = _MAIN_X_IN + _MAIN_WIDTH_IN / 2
    y = top + _GAP_IN
    end = y
    for index, (arm, lines) in enumerate(zip(arms, arm_lines, strict=True)):
        x = _MAIN_X_IN + index * (width + 0.25)
        fork = top + _GAP_IN / 2
        center = x + width / 2
        axes.plot([middle, middle, center], [top, fork, fork], color=MUTED, lw=1)
        _arrow(axes, (center, fork), (center, y))
        end = max(end, _box(axes, lines, x, y, width, color=arm_color(arm)))
    return end


def _stage_lines(title: str, stage: FlowStage) -> list[str]:
    total = sum(stage.counts.values())
    by_arm = ", ".join(f"{TreatmentArm(arm).label} {n}" for arm, n in stage.counts.items())
    return [f"{title}: {count_text(total, 'patient')}", by_arm]


def _side_lines(eligibility: Eligibility, quarantined: Sequence[Quarantined]) -> list[str]:
    by_rule = Counter(one.rule for one in eligibility.excluded)
    lines = [f"Set aside by a check of the data: {len(quarantined)}"]
    lines += [
        f"{_INDENT}by {name}: {n}"
        for name, n in Counter(one.found_by for one in quarantined).items()
    ]
    lines.append(f"Excluded, first rule not met: {len(eligibility.excluded)}")
    lines += [f"{_INDENT}{rule}: {n}" for rule, n in by_rule.most_common()]
    return lines


def _arm_lines(arm: TreatmentArm, parts: Sequence[PartCount]) -> list[str]:
    own = [part for part in parts if part.arm == arm]
    lines = [f"{arm.label}: {count_text(sum(part.n for part in own), 'patient')}"]
    names = {Split.TRAIN: "Training", Split.TEST: "Test"}
    return lines + [f"{names[part.split]}: {part.n}, {part.n_events} died" for part in own]


def _notes(eligibility: Eligibility) -> list[str]:
    if not eligibility.not_assessable:
        return []
    text = f"Not assessable in these data: {'; '.join(eligibility.not_assessable)}."
    return textwrap.wrap(text, _NOTE_LETTERS)


def _height(lines: Sequence[str]) -> float:
    return 2 * _PAD_IN + _LINE_IN * len(lines)


def _box(
    axes: Axes, lines: Sequence[str], x: float, y: float, width: float, *, color: str = MUTED
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
        is_indented = line.startswith(_INDENT)
        is_head = not is_indented and (index == 0 or line.startswith("Excluded"))
        axes.text(
            x + (0.3 if is_indented else 0.14),
            y + _PAD_IN + _LINE_IN * (index + 0.5),
            line.removeprefix(_INDENT),
            fontsize=8.5,
            va="center",
            color=INK,
            fontweight="bold" if is_head else "normal",
        )
    return y + height


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "",
        xy=end,
        xytext=start,
        arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 1, "shrinkA": 0, "shrinkB": 0},
    )
