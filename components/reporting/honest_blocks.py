"""What a search's figure is worth: selected beside honest, and the spread over seeds."""

import numpy as np
from matplotlib.figure import Figure

from components.networks.honesty_records import NestedNetworks, NetworkChecks, SeedSpread
from components.networks.records import BackboneChoice, BackboneRow
from components.reporting.blocks import Block, Prose, Rows, picture
from components.reporting.footnotes import Footnotes
from components.reporting.html_table import Table, table
from components.reporting.style import INK, MUTED, SERIES_COLORS, figure_style, new_figure
from components.reporting.wording import ABSENT, count_text, estimate_text
from components.study.results import Estimate
from components.study.vocabulary import DataOrigin

_HONEST = SERIES_COLORS[2]
_CHANCE = 0.5
_GOLDEN = 0.618034


def honest_blocks(
    choice: BackboneChoice, checks: NetworkChecks | None, *, origin: DataOrigin
) -> list[Block]:
    """The selected figure beside the honest one, or why it stands alone."""
    row = choice.chosen_row
    if row is None:
        return []
    nested = None if checks is None else checks.nested
    if nested is None:
        alone = Prose(
            "No nested cross-validation of the networks was made: the figures of this section are "
            "selected, the largest of several on the same patients. Performance is what the test "
            "patients say."
        )
        return [alone, *_seed_blocks(checks)]
    return [
        Prose(honest_sentence(row.tuning_target, nested), tone="key"),
        Rows(_honest_table(row, nested)),
        picture(
            draw_nested_networks(nested, row.tuning_target, origin=origin),
            caption="Tuning target in the patients of each outer fold (dots), by the network that "
            "was chosen without them; the mean with its interval (diamond) is the honest figure. "
            "Vertical line: the winner's own figure, which is selected. Dotted: chance.",
            alt="Figures of every outer fold; the mean and its interval stand in the table",
        ),
        *_seed_blocks(checks),
    ]


def honest_sentence(selected: Estimate, nested: NestedNetworks) -> str:
    """Both figures in a sentence."""
    figure = estimate_text(nested.estimate)
    return (
        f"Honest figure of the search, by {count_text(nested.n_repeats, 'draw')} of "
        f"{nested.n_folds} outer folds: {figure}. The winner's own figure, {selected.text()}, is "
        "selected."
    )


def _honest_table(row: BackboneRow, nested: NestedNetworks) -> Table:
    footnotes = Footnotes()
    arms = list(nested.by_arm)
    selected = [row.tuning_target, *(row.arm_targets.get(arm) for arm in arms)]
    honest = [nested.estimate, *(nested.by_arm[arm] for arm in arms)]
    chosen = ", ".join(f"{name} in {count}" for name, count in sorted(nested.chosen.items()))
    notes = [
        "Honest: in the training part of each outer fold "
        f"{count_text(nested.n_configurations, 'configuration')} a backbone "
        f"{'is' if nested.n_configurations == 1 else 'are'} cross-validated in "
        f"{nested.inner_folds} inner folds for {count_text(nested.epochs, 'epoch')}, one is chosen "
        "by the rule of the search and refitted, and the patients left out are scored by it. The "
        "search itself tries more configurations and halves.",
        f"Chosen: {chosen or 'none'}, of {nested.n_folds * nested.n_repeats} folds. SD over folds "
        f"{_sd(nested.sd_folds)}, over draws {_sd(nested.sd_repeats)}.",
        "Folds share their patients; the interval counts that: Nadeau and Bengio 2003, "
        "10.1023/A:1024068626366; Bouckaert and Frank 2004, 10.1007/978-3-540-24775-3_3.",
        *(
            f"{count_text(count, 'fold')} without a mean: {why}."
            for why, count in nested.missing.items()
        ),
    ]
    return table(
        "What the search's figure is worth",
        ("", "Tuning target", *(f"Within {arm.label}" for arm in arms)),
        [
            ("Selected: the winner's own, out of fold", *map(footnotes.cell, selected)),
            ("Honest: nested cross-validation", *map(footnotes.cell, honest)),
        ],
        notes=[*notes, *footnotes.lines()],
        marked_rows=[1],
    )


def _seed_blocks(checks: NetworkChecks | None) -> list[Block]:
    seeds = None if checks is None else checks.seeds
    return [] if seeds is None else [Prose(seed_sentence(seeds))]


def seed_sentence(seeds: SeedSpread) -> str:
    """How far the tuning target moves with the seed alone."""
    known = [value for value in seeds.values if value is not None]
    shown = ", ".join(ABSENT if value is None else f"{value:.3f}" for value in seeds.values)
    if seeds.sd is None or len(known) < 2:
        return f"Other seeds of {seeds.configuration}: {shown}; no spread can be given."
    return (
        f"Seeds: the tuning target of {seeds.configuration} is {shown} under "
        f"{count_text(len(seeds.values), 'seed')} (the first is the search's own; SD "
        f"{seeds.sd:.3f}, {seeds.lowest:.3f} to {seeds.highest:.3f}), on the same folds."
    )


def _sd(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.3f}"


@figure_style()
def draw_nested_networks(
    nested: NestedNetworks, selected: Estimate, *, origin: DataOrigin
) -> Figure:
    """The folds' figures, their mean with its interval, and the selected figure beside it."""
    figure = new_figure(7.4, 1.75, origin=origin)
    axes = figure.subplots()
    axes.axvline(_CHANCE, color=MUTED, lw=0.9, ls=":")
    values = [value for draw in nested.values for value in draw if value is not None]
    offsets = ((np.arange(len(values)) * _GOLDEN) % 1 - 0.5) * 0.5
    axes.scatter(values, offsets, s=14, color=_HONEST, alpha=0.45, lw=0, zorder=2)
    honest = nested.estimate
    if honest.value is not None and honest.lower is not None and honest.upper is not None:
        axes.plot([honest.lower, honest.upper], [0, 0], color=_HONEST, lw=2.2, zorder=3)
        axes.plot(honest.value, 0, marker="D", ms=7, mfc=_HONEST, mec="white", zorder=4)
    if selected.value is not None:
        axes.plot([selected.value] * 2, [-0.35, 0.35], color=INK, lw=1.6)
        axes.annotate("selected", (selected.value, 0.38), ha="center", va="bottom", fontsize=7)
    axes.set_yticks([0], ["honest"])
    axes.set_ylim(-0.6, 0.75)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=True, axis="x")
    axes.set_xlabel("Tuning target within arms, by outer fold")
    return figure
