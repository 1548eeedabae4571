"""Figures of a study's feasibility: survival by arm, propensities back to back, accrual."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from components.arms.feasibility_records import ArmFeasibility, ArmOverlap
from components.reporting.style import FAINT, MUTED, arm_color, figure_style, new_figure
from components.study.vocabulary import DataOrigin

_DAYS_PER_YEAR = 365
_DASHES = ("-", "--", "-.", ":")


@figure_style()
def draw_survival(
    arms: Sequence[ArmFeasibility], horizons_days: Sequence[int], *, origin: DataOrigin
) -> Figure:
    """Kaplan-Meier curves of the arms with intervals, the horizons, numbers at risk below."""
    figure = new_figure(7.2, 3.9 + 0.22 * len(arms), origin=origin)
    curves, counts = figure.subplots(
        2, 1, sharex=True, height_ratios=(3.2, 0.25 + 0.22 * len(arms))
    )
    for at, arm in enumerate(arms):
        _draw_curve(curves, arm, _DASHES[at % len(_DASHES)])
    for days in horizons_days:
        curves.axvline(days / _DAYS_PER_YEAR, color=FAINT, lw=0.9, zorder=0)
    curves.set_ylim(0, 1.02)
    curves.set_xlim(left=0)
    curves.set_ylabel("Survival probability")
    curves.tick_params(labelbottom=True)
    curves.set_xlabel("Years since treatment")
    curves.legend(loc="upper right")
    _draw_at_risk(counts, arms)
    return figure


def _draw_curve(axes: Axes, arm: ArmFeasibility, dashes: str) -> None:
    curve, color = arm.curve, arm_color(arm.arm)
    years = [0.0, *(days / _DAYS_PER_YEAR for days in curve.times_days)]
    known = [
        (lower if lower is not None else 0.0, upper if upper is not None else 0.0)
        for lower, upper in zip(curve.lower, curve.upper, strict=True)
    ]
    axes.fill_between(
        years,
        [1.0, *(lower for lower, _ in known)],
        [1.0, *(upper for _, upper in known)],
        step="post",
        color=color,
        alpha=0.14,
        lw=0,
    )
    label = f"{arm.arm.label}: {arm.n_events} of {arm.n} died"
    axes.step(years, [1.0, *curve.survival], where="post", color=color, ls=dashes, label=label)


def _draw_at_risk(axes: Axes, arms: Sequence[ArmFeasibility]) -> None:
    axes.set_ylim(len(arms) - 0.4, -1.0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(bottom=False, labelbottom=False, left=False)
    axes.tick_params(axis="y", pad=16)  # the first count is centered on the axis
    axes.set_yticks(range(len(arms)), [arm.arm.label for arm in arms])
    for label, arm in zip(axes.get_yticklabels(), arms, strict=True):
        label.set_color(arm_color(arm.arm))
        label.set_fontsize(8)
    axes.text(0, -0.75, "At risk", fontsize=8, color=MUTED, ha="left", va="center")
    longest = max(arms, key=lambda arm: len(arm.curve.ticks_days))
    axes.set_xticks([days / _DAYS_PER_YEAR for days in longest.curve.ticks_days])
    for row, arm in enumerate(arms):
        for days, n in zip(arm.curve.ticks_days, arm.curve.n_at_risk, strict=True):
            axes.text(
                days / _DAYS_PER_YEAR,
                row,
                str(n),
                fontsize=8,
                color=arm_color(arm.arm),
                ha="center",
                va="center",
            )


@figure_style()
def draw_overlap(overlap: ArmOverlap, *, origin: DataOrigin) -> Figure:
    """The propensities of two arms back to back: overlap is where bars face each other."""
    figure = new_figure(7.2, 2.9, origin=origin)
    axes = figure.subplots()
    for arm, side in ((overlap.second, 1), (overlap.first, -1)):
        shares = overlap.densities[arm]
        width = 1 / len(shares)
        axes.bar(
            [(at + 0.5) * width for at in range(len(shares))],
            [side * 100 * share for share in shares],
            width=0.92 * width,
            color=arm_color(arm),
            label=f"{arm.label} ({overlap.sizes[arm]})",
        )
    axes.axhline(0, color=MUTED, lw=0.8)
    for edge in (0.1, 0.9):
        axes.axvline(edge, color=MUTED, lw=0.8, ls=":")
    highest = 100 * max(max(shares) for shares in overlap.densities.values())
    axes.set_ylim(-1.1 * highest, 1.1 * highest)
    axes.set_xlim(0, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}%")
    axes.set_ylabel("Share of the arm")
    axes.set_xlabel(f"Propensity for {overlap.second.label}")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


@figure_style()
def draw_accrual(arms: Sequence[ArmFeasibility], *, origin: DataOrigin) -> Figure:
    """Patients by quarter of treatment, an arm a panel.

    Raises:
        ValueError: No arm's quarters are known.
    """
    known = [(arm, arm.accrual) for arm in arms if arm.accrual is not None]
    if not known:
        msg = "expected the quarters of an arm to draw, came none"
        raise ValueError(msg)
    quarters = sorted({quarter for _, accrual in known for quarter in accrual.quarters})
    figure = new_figure(7.2, 0.6 + 1.15 * len(known), origin=origin)
    panels = figure.subplots(len(known), 1, squeeze=False, sharex=True)
    for (axes,), (arm, accrual) in zip(panels, known, strict=True):
        counts = dict(zip(accrual.quarters, accrual.counts, strict=True))
        heights = [counts.get(quarter, 0) for quarter in quarters]
        axes.bar(range(len(quarters)), heights, color=arm_color(arm.arm), width=0.85)
        axes.set_title(arm.arm.label, fontsize=8.5)
        axes.set_ylabel("Patients")
    firsts = [at for at, quarter in enumerate(quarters) if quarter.endswith("Q1")]
    panels[-1][0].set_xticks(firsts, [quarters[at][:4] for at in firsts])
    return figure
