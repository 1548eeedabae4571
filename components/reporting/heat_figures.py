"""Heat over the CT slice, its share inside the ROI, and the randomisation check."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from components.networks.heat_files import FloatArray, HeatPicture
from components.networks.heat_records import HeatExample, HeatOfPart
from components.reporting.heat_content import HeatContent
from components.reporting.style import (
    FAINT,
    INK,
    MUTED,
    SERIES_COLORS,
    arm_color,
    figure_style,
    new_figure,
)
from components.study.protocol.imaging import ImagingSection
from components.study.vocabulary import DataOrigin, RiskLabel, Split

EXAMPLE_NAMES = {
    "highest_risk": "Highest risk",
    "lowest_risk": "Lowest risk",
    "most_wrong": "Most wrong",
}
LABEL_NAMES = {
    RiskLabel.HIGH: "died by the horizon",
    RiskLabel.LOW: "survived the horizon",
    RiskLabel.UNKNOWN: "label unknown",
}
_SPLITS = {Split.TRAIN: "training (apparent)", Split.TEST: "test"}
_STRONGEST = 0.6
"""Opacity of the hottest cell: the CT below must stay visible."""
_HEAT = LinearSegmentedColormap.from_list(
    "heat", [(0.9, 0.4, 0.0, 0.0), (0.95, 0.45, 0.0, 0.35), (1.0, 0.85, 0.1, _STRONGEST)]
)
_ROI_COLOR = "#56c8ff"


@figure_style()
def draw_heat_examples(
    content: HeatContent, *, imaging: ImagingSection, origin: DataOrigin
) -> Figure:
    """Each example's CT slice in the liver window, above it the heat, the ROI as an outline."""
    shown = list(zip(content.maps.examples, content.pictures, strict=True))
    figure = new_figure(2.6 * max(len(shown), 1), 3.3, origin=origin)
    grid = figure.subplots(1, max(len(shown), 1), squeeze=False)[0]
    for axes, (example, picture) in zip(grid, shown, strict=False):
        _draw_slice(axes, picture, imaging)
        axes.set_title(EXAMPLE_NAMES[example.kind], fontsize=9.5)
        axes.set_xlabel(_under(example), fontsize=7.5, color=INK)
        if origin is DataOrigin.SYNTHETIC:
            _mark(axes)
    return figure


def _draw_slice(axes: Axes, picture: HeatPicture, imaging: ImagingSection) -> None:
    low = imaging.window_center_hu - imaging.window_width_hu / 2
    high = imaging.window_center_hu + imaging.window_width_hu / 2
    hu = np.nan_to_num(picture.hu, nan=low)
    # Pixels as they are: resampled to a printer's, the pictures would outweigh the report.
    axes.imshow(hu, cmap="gray", vmin=low, vmax=high, interpolation="none")
    axes.imshow(picture.heat, cmap=_HEAT, vmin=0, vmax=1, interpolation="none")
    axes.contour(picture.roi, levels=[0.5], colors=[_ROI_COLOR], linewidths=1.1)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)


def _under(example: HeatExample) -> str:
    ratio = "no heat" if example.ratio is None else f"heat ratio {example.ratio:.2f}"
    return (
        f"{example.arm.label}, {LABEL_NAMES[example.label]}\n"
        f"risk {example.oof_probability:.2f} out of fold, "
        f"{example.probability:.2f} refit\n{ratio}, {example.phase}"
    )


def _mark(axes: Axes) -> None:
    """The figure's own watermark lies hidden under the slice."""
    axes.text(
        0.98,
        0.03,
        "SYNTHETIC",
        transform=axes.transAxes,
        ha="right",
        fontsize=7.5,
        fontweight="bold",
        color="white",
        alpha=0.8,
        gid="watermark-slice",
    )


@figure_style()
def draw_heat_ratios(content: HeatContent, *, origin: DataOrigin) -> Figure:
    """Every patient's ratio by arm and split, with median and quartiles, and what is reachable."""
    parts = content.maps.parts
    figure = new_figure(6.4, 1.2 + 0.62 * len(parts), origin=origin)
    axes = figure.subplots()
    for row, part in enumerate(parts):
        _draw_part(axes, row, part, _ratios(content, part))
    axes.axvline(1, color=MUTED, lw=0.9, ls="--")
    axes.set_yticks(
        range(len(parts)),
        [f"{one.arm.label}, {_SPLITS[one.split]}\n{_count(one)}" for one in parts],
    )
    axes.set_ylim(len(parts) - 0.5, -0.5)
    axes.set_xlim(left=0)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("Share of heat inside the ROI / the ROI's share of the field")
    return figure


def _count(part: HeatOfPart) -> str:
    return f"{part.ratio.n} of {part.n} with heat" if part.n_without_heat else f"{part.n} patients"


def _ratios(content: HeatContent, part: HeatOfPart) -> FloatArray:
    table = content.table
    chosen = (np.array(table.arms) == part.arm.value) & (np.array(table.splits) == part.split.value)
    values = table.ratio[chosen]
    return np.asarray(values[np.isfinite(values)])


def _draw_part(axes: Axes, row: int, part: HeatOfPart, ratios: FloatArray) -> None:
    axes.plot(
        [part.lowest, part.highest], [row, row], color=FAINT, lw=13, solid_capstyle="butt", zorder=0
    )
    # Spread by rank: a random place would need a seed, and equal bytes a fixed one.
    height = 0.5 * ((np.arange(len(ratios)) * 0.618) % 1 - 0.5)
    axes.plot(ratios, row + height, ".", ms=3, alpha=0.55, color=arm_color(part.arm), mew=0)
    spread = part.ratio
    if spread.median is None or spread.lower_quartile is None or spread.upper_quartile is None:
        return
    axes.plot([spread.lower_quartile, spread.upper_quartile], [row, row], color=INK, lw=2.4)
    axes.plot(spread.median, row, "o", color="white", mec=INK, mew=1.5, ms=6)


@figure_style()
def draw_heat_check(content: HeatContent, *, origin: DataOrigin) -> Figure:
    """The patients' mean correlations with the maps of shuffled weights, and the limit."""
    check = content.maps.check
    values = content.table.shuffled_correlation
    figure = new_figure(6.4, 2.7, origin=origin)
    axes = figure.subplots()
    axes.hist(
        values[np.isfinite(values)],
        bins=list(np.linspace(-1, 1, 41)),
        color=SERIES_COLORS[0],
        alpha=0.75,
    )
    axes.axvspan(check.limit, 1, color=FAINT, zorder=0)
    axes.axvline(check.limit, color=INK, lw=1.1, ls="--")
    for median in check.medians:
        if median is not None:
            axes.axvline(median, ymin=0.94, color=MUTED, lw=1)
    if check.correlation.median is not None:
        axes.axvline(check.correlation.median, color=SERIES_COLORS[1], lw=1.8)
    axes.set_xlim(-1, 1)
    axes.set_xlabel("Spearman correlation with the maps of shuffled weights, mean of the draws")
    axes.set_ylabel("Patients")
    axes.set_title("Not passed where the median lies in the shaded part", fontsize=9)
    return figure
