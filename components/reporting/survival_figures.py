"""Kaplan-Meier curves of the risk groups, with intervals and numbers at risk."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.arms.records import RiskGroupCurve, RiskGroups
from components.reporting.style import MUTED, RISK_COLORS, RISK_DASHES, figure_style, new_figure
from components.reporting.wording import SPLIT_NAMES, estimate_text, number, p_text
from components.study.vocabulary import DataOrigin, RiskGroup

_DAYS_PER_MONTH = 365 / 12
_PANEL_IN = 4.3
_HEIGHT_IN = 4.5


@figure_style()
def draw_risk_groups(panels: Sequence[RiskGroups], *, origin: DataOrigin) -> Figure:
    """Survival of low and high risk, one panel a split, numbers at risk under each."""
    figure = new_figure(_PANEL_IN * max(len(panels), 1), _HEIGHT_IN, origin=origin)
    grid = figure.subplots(
        2, len(panels), squeeze=False, height_ratios=(1, 0.16), sharex="col", sharey="row"
    )
    for column, risk in enumerate(panels):
        curves, counts = grid[0][column], grid[1][column]
        _draw_curves(curves, risk)
        _draw_at_risk(counts, risk, is_first=column == 0)
    grid[0][0].set_ylabel("Survival probability")
    return figure


def _draw_curves(axes: Axes, risk: RiskGroups) -> None:
    for group in RiskGroup:
        if group in risk.curves:
            _draw_curve(axes, risk.curves[group])
    axes.set_ylim(0, 1.02)
    axes.set_xlim(left=0)
    axes.grid(visible=True, axis="y")
    ticks = [_months(days) for days in risk.at_risk_days]
    axes.set_xticks(ticks, [number(round(tick, 1)) for tick in ticks])
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("Months since treatment")
    axes.set_title(SPLIT_NAMES[risk.split], pad=50)
    facts = [f"hazard ratio {estimate_text(risk.hazard_ratio, 2)}"]
    if risk.log_rank_p is not None:
        facts.insert(0, f"log-rank p {_equals(p_text(risk.log_rank_p))}")
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(-0.02, 1.0),
        borderaxespad=0.2,
        title=", ".join(facts),
        title_fontsize=8,
        alignment="left",
    )


def _equals(text: str) -> str:
    return text if text.startswith("<") else f"= {text}"


def _draw_curve(axes: Axes, curve: RiskGroupCurve) -> None:
    color = RISK_COLORS[curve.group]
    months = [0.0, *(_months(days) for days in curve.times_days)]
    label = f"{curve.group.value} risk: {curve.n_events} of {curve.n} died"
    axes.fill_between(
        months,
        [1.0, *curve.lower],
        [1.0, *curve.upper],
        step="post",
        color=color,
        alpha=0.15,
        lw=0,
    )
    axes.step(
        months,
        [1.0, *curve.survival],
        where="post",
        color=color,
        ls=RISK_DASHES[curve.group],
        label=label,
    )


def _draw_at_risk(axes: Axes, risk: RiskGroups, *, is_first: bool) -> None:
    axes.set_ylim(1.6, -1.0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False, left=False)
    axes.set_yticks([])
    axes.text(0, -0.9, "At risk", fontsize=8, color=MUTED, ha="left", va="center")
    for row, group in enumerate(RiskGroup):
        if group not in risk.curves:
            continue
        color = RISK_COLORS[group]
        counts = risk.curves[group].n_at_risk
        for days, count in zip(risk.at_risk_days, counts, strict=True):
            axes.text(
                _months(days), row, str(count), fontsize=8, color=color, ha="center", va="center"
            )
        if is_first:
            axes.annotate(
                group.value,
                (0, row),
                xytext=(-14, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=8,
                color=color,
                annotation_clip=False,
            )


def _months(days: float) -> float:
    return days / _DAYS_PER_MONTH
