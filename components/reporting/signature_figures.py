"""How the signature was penalized, what is in it, and how often it would be again."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    LogLocator,
    NullLocator,
    PercentFormatter,
    StrMethodFormatter,
)

from components.reporting.style import INK, MUTED, SERIES_COLORS, figure_style, new_figure
from components.reporting.wording import number
from components.signature.report import SignatureReport
from components.signature.signature import PenaltyPath
from components.study.vocabulary import DataOrigin
from components.survival.lasso_cox import LambdaRule

_LARGEST = 30
_N_LABELS = 7
_N_NAMED = 8
_RULES: tuple[tuple[LambdaRule, str, str], ...] = (
    ("lambda_min", "\u03bb min", "--"),
    ("lambda_1se", "\u03bb 1se", ":"),
)


@figure_style()
def draw_penalty_path(report: SignatureReport, *, origin: DataOrigin) -> Figure:
    """Cross-validated deviance along the penalties, with the number of features left.

    Raises:
        ValueError: The report has no path: no feature reached the penalty.
    """
    path = _path(report)
    figure = new_figure(6.4, 3.6, origin=origin)
    axes = _penalty_axes(figure, path)
    axes.errorbar(
        path.lambdas,
        path.deviance_mean,
        yerr=path.deviance_se,
        color=SERIES_COLORS[0],
        ecolor=SERIES_COLORS[0] + "55",
        elinewidth=1.0,
        marker=".",
        ms=4,
        lw=1.2,
    )
    axes.set_ylabel("Cross-validated deviance a death")
    _mark_rules(axes, path, report)
    top = axes.secondary_xaxis("top")
    chosen = np.unique(np.linspace(0, len(path.lambdas) - 1, _N_LABELS).round().astype(int))
    top.xaxis.set_major_locator(FixedLocator([path.lambdas[i] for i in chosen]))
    top.xaxis.set_major_formatter(FixedFormatter([str(path.n_nonzero[i]) for i in chosen]))
    top.xaxis.set_minor_locator(NullLocator())
    top.set_xlabel("Features selected", fontsize=8)
    return figure


@figure_style()
def draw_trajectories(report: SignatureReport, *, origin: DataOrigin) -> Figure:
    """The features' coefficients along the penalties, the taken ones in color.

    Raises:
        ValueError: The report has no path: no feature reached the penalty.
    """
    path = _path(report)
    figure = new_figure(6.4, 3.6, origin=origin)
    axes = _penalty_axes(figure, path)
    taken = {one.feature for one in report.coefficients}
    for feature, values in path.trajectories.items():
        color = SERIES_COLORS[int(values[-1] > 0)] if feature in taken else MUTED
        axes.plot(path.lambdas, values, color=color, lw=1.1 if feature in taken else 0.7)
    _name_largest(axes, path)
    axes.axhline(0, color=MUTED, lw=0.8)
    axes.set_ylabel("Log hazard ratio a standard deviation")
    _mark_rules(axes, path, report)
    return figure


def _name_largest(axes: Axes, path: PenaltyPath) -> None:
    """Numbers of the features that end farthest from 0, at the weakest penalty."""
    ends = sorted(path.trajectories.items(), key=lambda item: -abs(item[1][-1]))
    for feature, values in ends[:_N_NAMED]:
        axes.annotate(
            str(feature),
            (path.lambdas[-1], values[-1]),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=6.5,
            color=MUTED,
        )


def _path(report: SignatureReport) -> PenaltyPath:
    if report.path is None:
        msg = "the signature has no penalty path: no feature reached the penalty"
        raise ValueError(msg)
    return report.path


def _penalty_axes(figure: Figure, path: PenaltyPath) -> Axes:
    axes = figure.subplots()
    axes.set_xscale("log")
    axes.set_xlim(path.lambdas[0] * 1.05, path.lambdas[-1] / 1.05)
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("Penalty \u03bb (weaker to the right)")
    return axes


def _mark_rules(axes: Axes, path: PenaltyPath, report: SignatureReport) -> None:
    """Where the two rules lie; which one was taken stands beside it."""
    for row, (rule, name, style) in enumerate(_RULES):
        lambda_ = path.lambda_of(rule)
        taken = ""
        if lambda_ == report.lambda_:
            taken = f" = {lambda_:.3g}, {report.n_selected} selected"
        axes.axvline(lambda_, color=INK, ls=style, lw=1.1)
        axes.annotate(
            name + taken,
            (lambda_, 0.97 - 0.08 * row),
            xycoords=("data", "axes fraction"),
            xytext=(4, 0),
            textcoords="offset points",
            va="top",
            fontsize=8,
        )


@figure_style()
def draw_coefficients(report: SignatureReport, *, origin: DataOrigin) -> Figure:
    """The selected features' coefficients, largest first, at most 30 of them."""
    ordered = sorted(report.coefficients, key=lambda one: (-abs(one.coefficient), one.feature))
    shown = ordered[:_LARGEST]
    figure = new_figure(5.4, 1.1 + 0.19 * max(len(shown), 3), origin=origin)
    axes = figure.subplots()
    values = [one.coefficient for one in shown]
    colors = [SERIES_COLORS[1] if value > 0 else SERIES_COLORS[0] for value in values]
    _draw_bars(axes, [one.feature for one in shown], values, colors)
    axes.axvline(0, color=MUTED, lw=0.8)
    axes.set_xlabel("Log hazard ratio a standard deviation")
    _say_hidden(axes, len(shown), len(ordered))
    return figure


@figure_style()
def draw_stability(report: SignatureReport, *, origin: DataOrigin) -> Figure:
    """In what share of the resamples a feature is selected; the signature's own in color.

    Raises:
        ValueError: The report has no stability: it was not asked for, or no resample was fitted.
    """
    stability = report.stability
    if stability is None or not stability.sizes:
        msg = "the report has no stability of the selection"
        raise ValueError(msg)
    taken = {one.feature for one in report.coefficients}
    shown = stability.ordered[:_LARGEST]
    figure = new_figure(5.4, 1.1 + 0.19 * max(len(shown), 3), origin=origin)
    axes = figure.subplots()
    shares = [stability.share(feature) or 0.0 for feature in shown]
    colors = [SERIES_COLORS[0] if feature in taken else MUTED for feature in shown]
    _draw_bars(axes, list(shown), shares, colors)
    axes.set_xlim(0, 1)
    axes.axvline(0.5, color=MUTED, lw=0.8, ls=":")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xlabel(f"Selected in this share of {number(len(stability.sizes))} resamples")
    _say_hidden(axes, len(shown), len(stability.ordered))
    return figure


def _draw_bars(axes: Axes, features: list[int], values: list[float], colors: list[str]) -> None:
    rows = range(len(features))
    axes.barh(rows, values, color=colors, height=0.7)
    axes.set_yticks(rows, [f"feature {one}" for one in features], fontsize=7.5)
    axes.set_ylim(len(features) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _say_hidden(axes: Axes, n_shown: int, n: int) -> None:
    if n > n_shown:
        axes.set_title(f"The first {n_shown} of {number(n)}")
