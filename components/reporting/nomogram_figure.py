"""The drawing of a nomogram, to be read with a ruler to a tenth of a point."""

import textwrap
from collections.abc import Mapping

from matplotlib.figure import Figure

from components.nomogram.nomogram import Nomogram
from components.reporting.nomogram_scales import (
    longest_points,
    points_scales,
    total_range,
    total_scales,
)
from components.reporting.scale_drawing import PlacedScale, draw_grid, draw_scale, place
from components.reporting.style import INK, MUTED, arm_color, figure_style, new_figure
from components.reporting.wording import days_text, estimate_text
from components.study.results import Estimate
from components.study.vocabulary import ModelKind

NOT_A_DECISION = "Decision support, not a decision."
HOW_TO_READ = (
    "From each of the patient's values go straight up to Points and read to a tenth; add the "
    "points; from their sum on Total points go straight down and read survival."
)

_WIDTH_IN = 11.7
_LEFT_IN = 2.35
_RIGHT_IN = 0.5
_HEAD_IN = 1.22
_GAP_IN = 0.42
_NOTE_IN = 0.165
_INNER_IN = _WIDTH_IN - _LEFT_IN - _RIGHT_IN
_NOTE_LETTERS = 165

_MODEL_WORDS = {
    ModelKind.CLINICAL: "clinical model",
    ModelKind.DLRADIOMICS: "deep-learning signature alone",
    ModelKind.COMBINED: "combined model (clinical predictors and deep-learning signature)",
}


@figure_style()
def draw_nomogram(
    nomogram: Nomogram,
    *,
    discrimination: Mapping[str, Estimate] | None = None,
    endpoint: str = "overall survival",
) -> Figure:
    """The nomogram as a figure: predictors above, total points and survival below.

    Args:
        nomogram: The record; ticks and positions are its own.
        discrimination: C-indices for the heading, by what they are of (`apparent`, `test`).
        endpoint: What is survived.
    """
    above = place(
        points_scales(nomogram, width_in=_INNER_IN),
        top_in=_HEAD_IN,
        points_range=(0, longest_points(nomogram)),
        width_in=_INNER_IN,
    )
    below = place(
        total_scales(nomogram, width_in=_INNER_IN),
        top_in=_end(above) + _GAP_IN,
        points_range=total_range(nomogram),
        width_in=_INNER_IN,
    )
    notes = _notes(nomogram)
    height_in = _end(below) + 0.32 + _NOTE_IN * len(notes) + 0.3
    figure = new_figure(_WIDTH_IN, height_in, origin=nomogram.data_origin)
    figure.set_layout_engine("none")
    _draw_block(figure, above, height_in, (0, longest_points(nomogram)), gid="points")
    _draw_block(figure, below, height_in, total_range(nomogram), gid="total")
    _heading(figure, nomogram, height_in, discrimination or {}, endpoint)
    _draw_notes(figure, notes, height_in, top_in=_end(below) + 0.32)
    return figure


def _draw_notes(figure: Figure, notes: list[str], height_in: float, *, top_in: float) -> None:
    for index, note in enumerate(notes):
        y = top_in + _NOTE_IN * index
        is_last = note is NOT_A_DECISION
        figure.text(
            0.3 / _WIDTH_IN,
            1 - y / height_in,
            note,
            fontsize=8 if is_last else 7.5,
            fontweight="bold" if is_last else "normal",
            color=INK if is_last else MUTED,
            va="top",
        )


def _end(placed: list[PlacedScale]) -> float:
    return placed[-1].baseline_in + placed[-1].below_in


def _draw_block(
    figure: Figure,
    placed: list[PlacedScale],
    height_in: float,
    points_range: tuple[float, float],
    *,
    gid: str,
) -> None:
    axes = figure.add_axes((_LEFT_IN / _WIDTH_IN, 0, _INNER_IN / _WIDTH_IN, 1), label=gid)
    axes.set_axis_off()
    axes.set_xlim(points_range)
    axes.set_ylim(height_in, 0)
    draw_grid(axes, top_in=placed[0].baseline_in, bottom_in=_end(placed), width_in=_INNER_IN)
    for scale in placed:
        draw_scale(axes, scale, name_x_in=_LEFT_IN - 0.3)


def _heading(
    figure: Figure,
    nomogram: Nomogram,
    height_in: float,
    discrimination: Mapping[str, Estimate],
    endpoint: str,
) -> None:
    left = 0.3 / _WIDTH_IN
    model = nomogram.model
    facts = (
        f"{_MODEL_WORDS[nomogram.model_kind].capitalize()}  ·  fitted on {model.n} patients, "
        f"{model.n_events} deaths"
    )
    c_indices = "  ·  ".join(
        f"{name} {estimate_text(estimate)}" for name, estimate in discrimination.items()
    )
    title = f"{nomogram.arm.label}: {endpoint} after this first treatment"
    figure.text(
        left, 1 - 0.3 / height_in, title, fontsize=14, fontweight="bold", va="center", color=INK
    )
    beside = left - 0.12 / _WIDTH_IN
    bar = figure.add_axes((beside, 1 - 0.84 / height_in, 0.05 / _WIDTH_IN, 0.7 / height_in))
    bar.set_axis_off()
    bar.axvspan(0, 1, color=arm_color(nomogram.arm))
    figure.text(left, 1 - 0.56 / height_in, facts, fontsize=9, va="center", color=INK)
    if c_indices:
        text = f"C-index (95% interval): {c_indices}"
        figure.text(left, 1 - 0.76 / height_in, text, fontsize=9, va="center", color=INK)


def _notes(nomogram: Nomogram) -> list[str]:
    notes = [HOW_TO_READ]
    notes += [
        f"Not estimable: {days_text(days, adjective=True)} survival ({reason})."
        for days, reason in sorted(nomogram.not_estimable.items())
    ]
    if nomogram.median_axis.ticks and nomogram.median_axis.not_reached_below > 0:
        notes.append("Dotted: more than half of such patients outlive the follow-up.")
    error = nomogram.reading_error
    if error is not None:
        notes.append(
            f"Reading every scale to {error.points_resolution:g} points errs by at most "
            f"{100 * error.largest:.2f} percentage points of survival (root mean square "
            f"{100 * error.rms:.2f}) in the {error.n} training patients."
        )
    wrapped = [line for note in notes for line in textwrap.wrap(note, _NOTE_LETTERS)]
    return [*wrapped, NOT_A_DECISION]
