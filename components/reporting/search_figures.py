"""How the search went: the tuning target of every trial, epoch by epoch, and who was stopped."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from components.networks.records import BackboneChoice, SearchResult, TrialResult
from components.reporting.style import FAINT, INK, MUTED, figure_style, new_figure, series_color
from components.study.vocabulary import DataOrigin

_PANEL_IN = 3.1
_HEIGHT_IN = 3.0


@figure_style()
def draw_learning_curves(
    search: SearchResult,
    choice: BackboneChoice,
    *,
    rungs: Sequence[int],
    origin: DataOrigin,
) -> Figure:
    """One panel a backbone: out-of-fold tuning target against epoch, halving at the rungs."""
    names = list(dict.fromkeys(trial.configuration.backbone for trial in search.trials))
    figure = new_figure(_PANEL_IN * max(len(names), 2) + 0.4, _HEIGHT_IN, origin=origin)
    panels = figure.subplots(1, len(names), sharex=True, sharey=True, squeeze=False)[0]
    for index, (axes, name) in enumerate(zip(panels, names, strict=True)):
        trials = [trial for trial in search.trials if trial.configuration.backbone == name]
        color = series_color(index)
        _draw_panel(axes, trials, choice, rungs=rungs, color=color)
        axes.set_title(name)
        axes.set_xlabel("Epoch")
    panels[0].set_ylabel("Tuning target, out of fold")
    return figure


def _draw_panel(
    axes: Axes,
    trials: Sequence[TrialResult],
    choice: BackboneChoice,
    *,
    rungs: Sequence[int],
    color: str,
) -> None:
    for rung in rungs:
        axes.axvline(rung, color=FAINT, lw=0.8, zorder=0)
    axes.axhline(0.5, color=MUTED, lw=0.8, ls=":", zorder=1)
    for trial in trials:
        points = [(m.epoch, m.tuning_target) for m in trial.history if m.tuning_target is not None]
        if not points:
            continue
        _draw_trial(axes, trial, points, choice, color=color)
    axes.margins(x=0.16)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_trial(
    axes: Axes,
    trial: TrialResult,
    points: Sequence[tuple[int, float]],
    choice: BackboneChoice,
    *,
    color: str,
) -> None:
    is_chosen = trial.configuration == choice.configuration
    finished = trial.status == "finished"
    epochs, values = zip(*points, strict=True)
    axes.plot(
        epochs,
        values,
        color=color if finished else MUTED,
        lw=2.4 if is_chosen else 1.3,
        alpha=1 if finished else 0.75,
        marker="o" if finished else ".",
        ms=4,
        zorder=4 if is_chosen else 3,
    )
    axes.plot(epochs[-1], values[-1], marker=None if finished else "x", color=MUTED, zorder=5)
    axes.annotate(
        f"{trial.configuration.number}{' (chosen)' if is_chosen else ''}",
        points[-1],
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
        fontweight="bold" if is_chosen else "normal",
        color=INK if finished else MUTED,
    )
