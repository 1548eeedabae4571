"""Calibration of the chosen network's probability."""

import math

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.networks.honesty_records import ProbabilityCalibration
from components.networks.records import BackboneChoice
from components.reporting.blocks import Block, Rows, picture
from components.reporting.footnotes import Footnotes
from components.reporting.html_table import Table, table
from components.reporting.style import INK, MUTED, arm_color, figure_style, new_figure
from components.study.results import Estimate
from components.study.vocabulary import DataOrigin
from components.survival.label_calibration import LabelCalibration


def probability_blocks(choice: BackboneChoice, *, origin: DataOrigin) -> list[Block]:
    """Table and figure of the chosen network's calibration, where it was computed."""
    row = choice.chosen_row
    if row is None or row.calibration is None:
        return []
    return [
        Rows(_table(row.calibration)),
        picture(
            draw_probability_calibration(row.calibration, origin=origin),
            caption="Out-of-fold probability of the chosen network against the share that died by "
            "the horizon, weighted for censoring, in fifths of each arm's probabilities; the "
            "diagonal is perfect calibration.",
            alt="Observed against predicted risk by arm; intercept and slope stand in the table",
        ),
    ]


def _table(calibration: ProbabilityCalibration) -> Table:
    footnotes = Footnotes()
    parts = {arm.label: one for arm, one in calibration.by_arm.items()}
    parts["Pooled"] = calibration.pooled
    rows = [
        (name, footnotes.cell(one.in_the_large), footnotes.cell(one.slope))
        for name, one in parts.items()
    ]
    return table(
        "Calibration of the chosen network's probability, out of fold",
        ("Arm", "In the large (0 is ideal)", "Slope (1 is ideal)"),
        rows,
        notes=[
            "Logistic regressions weighted for censoring, sandwich variance. In the large: below 0 "
            "the probabilities are too high. Slope: below 1 they are too extreme.",
            temperature_sentence(calibration),
            *footnotes.lines(),
        ],
    )


def temperature_sentence(calibration: ProbabilityCalibration) -> str:
    """What dividing the logits by a temperature changes."""
    found = calibration.temperature
    if found is None:
        return "No temperature mends the probabilities: they do not rise with the risk."
    return (
        f"Temperature {found.temperature:.2f} (the logits are divided by it), fitted on these "
        f"scores of {found.n_patients} patients with a label: log loss {found.log_loss_before:.3f} "
        f"becomes {found.log_loss_after:.3f}. It stands beside the network as temperature.json and "
        "is not applied: the probability served is the network's own."
    )


@figure_style()
def draw_probability_calibration(
    calibration: ProbabilityCalibration, *, origin: DataOrigin
) -> Figure:
    """Observed against predicted risk in groups, one line an arm."""
    figure = new_figure(4.6, 4.2, origin=origin)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=MUTED, lw=0.8, ls=":")
    parts = [(arm.label, one, arm_color(arm)) for arm, one in calibration.by_arm.items()]
    if len(parts) > 1:
        parts.append(("pooled", calibration.pooled, INK))
    for name, one, color in parts:
        _draw(axes, name, one, color)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_xlabel("Predicted probability of high risk")
    axes.set_ylabel("Observed share (95% interval)")
    axes.grid(visible=True)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    return figure


def _draw(axes: Axes, name: str, calibration: LabelCalibration, color: str) -> None:
    observed = [_limits(one.observed) for one in calibration.bins]
    x = [one.mean_predicted for one in calibration.bins]
    axes.plot(x, [value for value, *_ in observed], "o-", color=color, ms=4.5, label=name)
    for at, (_, lower, upper) in zip(x, observed, strict=True):
        axes.plot([at, at], [lower, upper], color=color, lw=1, alpha=0.6)


def _limits(estimate: Estimate) -> tuple[float, float, float]:
    """Value and limits; matplotlib draws nothing at NaN."""
    parts = (estimate.value, estimate.lower, estimate.upper)
    value, lower, upper = (math.nan if part is None else part for part in parts)
    return value, lower, upper
