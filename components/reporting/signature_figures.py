"""How the signature was penalized and what is in it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

from components.reporting.style import INK, MUTED, SERIES_COLORS, figure_style, new_figure
from components.reporting.wording import number
from components.signature.report import SignatureReport
from components.signature.signature import PenaltyPath
from components.study.vocabulary import DataOrigin

_LARGEST = 30
_N_LABELS = 7


@figure_style()
def draw_penalty_path(report: SignatureReport, *, origin: DataOrigin) -> Figure:
    """Cross-validated deviance along the penalties, with the number of features left.

    Raises:
        ValueError: The report has no path: no feature reached the penalty.
    """
    if report.path is None:
        msg = "the signature has no penalty path: no feature reached the penalty"
        raise ValueError(msg)
    figure = new_figure(6.4, 3.6, origin=origin)
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.invert_xaxis()
    _draw_path(axes, report.path)
    if report.lambda_ is not None:
        axes.axvline(report.lambda_, color=INK, ls="--", lw=1.1)
        axes.annotate(
            f"\u03bb = {report.lambda_:.3g}, {report.n_selected} selected",
            (report.lambda_, 0.97),
            xycoords=("data", "axes fraction"),
            xytext=(5, 0),
            textcoords="offset points",
            va="top",
            fontsize=8,
        )
    axes.set_xlabel("Penalty \u03bb (weaker to the right)")
    axes.set_ylabel("Cross-validated deviance a death")
    return figure


def _draw_path(axes: Axes, path: PenaltyPath) -> None:
    lambdas, mean = np.asarray(path.lambdas), np.asarray(path.deviance_mean)
    se = np.asarray(path.deviance_se)
    color = SERIES_COLORS[0]
    axes.fill_between(lambdas, mean - se, mean + se, color=color, alpha=0.15, lw=0)
    axes.plot(lambdas, mean, color=color, marker=".", ms=4)
    top = axes.secondary_xaxis("top")
    chosen = np.unique(np.linspace(0, len(lambdas) - 1, _N_LABELS).round().astype(int))
    top.xaxis.set_major_locator(FixedLocator(lambdas[chosen].tolist()))
    top.xaxis.set_major_formatter(FixedFormatter([str(path.n_nonzero[i]) for i in chosen]))
    top.xaxis.set_minor_locator(NullLocator())
    top.set_xlabel("Features selected", fontsize=8)


@figure_style()
def draw_coefficients(report: SignatureReport, *, origin: DataOrigin) -> Figure:
    """The selected features' coefficients, largest first, at most 30 of them."""
    ordered = sorted(report.coefficients, key=lambda one: (-abs(one.coefficient), one.feature))
    shown = ordered[:_LARGEST]
    figure = new_figure(5.4, 1.1 + 0.19 * max(len(shown), 3), origin=origin)
    axes = figure.subplots()
    values = [one.coefficient for one in shown]
    colors = [SERIES_COLORS[1] if value > 0 else SERIES_COLORS[0] for value in values]
    axes.barh(range(len(shown)), values, color=colors, height=0.7)
    axes.set_yticks(range(len(shown)), [f"feature {one.feature}" for one in shown], fontsize=7.5)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.set_xlabel("Log hazard ratio a standard deviation")
    axes.tick_params(axis="y", length=0)
    hidden = len(ordered) - len(shown)
    if hidden:
        axes.set_title(f"The {len(shown)} largest of {number(len(ordered))}")
    return figure
