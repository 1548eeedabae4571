"""Where the deployed network looks: examples, heat inside the ROI, the randomisation check."""

from components.networks.heat_records import HeatMaps, HeatOfPart, RandomisationCheck, Spread
from components.reporting.blocks import Block, Bullets, Prose, Rows, Section, picture
from components.reporting.heat_content import HeatContent
from components.reporting.heat_figures import (
    draw_heat_check,
    draw_heat_examples,
    draw_heat_ratios,
)
from components.reporting.html_table import Table, table
from components.reporting.wording import ABSENT, SPLIT_NAMES, count_text
from components.study.protocol.imaging import ImagingSection
from components.study.vocabulary import DataOrigin, Split

_TITLE = "Where the network looks"
_COARSE = 16
"""Cells below which a map says little of an ROI in the middle of the field."""
_COLUMNS = (
    "Patients",
    "n",
    "Without heat",
    "ROI's share of field",
    "Ratio, median (95% CI)",
    "Quartiles",
    "Reachable",
)


def heat_section(content: HeatContent, *, imaging: ImagingSection, origin: DataOrigin) -> Section:
    """The heat in a sentence, warnings, examples, table, figures, and how to read them."""
    maps = content.maps
    blocks: list[Block] = [Prose(_first(maps), tone="key"), *_warnings(maps)]
    if content.pictures:
        blocks.append(
            picture(
                draw_heat_examples(content, imaging=imaging, origin=origin),
                caption="Training patients whose risk is the highest and the lowest by the network "
                "that has not seen them, and the one whose known label lies farthest from it, "
                "weighted as in training. Blue: outline of the ROI. Yellow: hottest, in each map "
                "on its own scale.",
                alt="Heat maps over CT slices of example patients, named by category",
            )
        )
    blocks += [
        Rows(_table(maps)),
        picture(
            draw_heat_ratios(content, origin=origin),
            caption="A point a patient; ring and bar: median and quartiles. Dashed: even heat. "
            "Shaded: what a map of so few cells can reach at all (median over patients).",
            alt="Share of heat in the ROI over the ROI's share of the field, by arm and split",
        ),
    ]
    if maps.check.passed is not None:
        blocks.append(
            picture(
                draw_heat_check(content, origin=origin),
                caption="Randomisation check. Colored line: median over patients; ticks at the "
                "top: median of each draw; dashed: the limit.",
                alt="Correlation of each patient's map with those of shuffled weights",
            )
        )
    blocks.append(Bullets(_how_to_read(maps)))
    return Section("heat-maps", _TITLE, tuple(blocks))


def _first(maps: HeatMaps) -> str:
    split = Split.TEST if any(one.split is Split.TEST for one in maps.parts) else Split.TRAIN
    said = [f"{one.arm.label} {_ratio(one.ratio)}" for one in maps.parts if one.split is split]
    who = "test patients" if split is Split.TEST else "training patients"
    return (
        "Heat inside the ROI, as a multiple of what even heat would put there, median over "
        f"{who}: {'; '.join(said)}. {_check_text(maps.check)}"
    )


def _ratio(spread: Spread) -> str:
    if spread.median is None or spread.lower is None or spread.upper is None:
        return "not assessable (no map holds heat)"
    return f"{spread.median:.2f} ({spread.lower:.2f} to {spread.upper:.2f})"


def _check_text(check: RandomisationCheck) -> str:
    median = check.correlation.median
    if check.passed is None or median is None:
        return "The randomisation check is not assessable."
    word = "passed" if check.passed else "not passed"
    return (
        f"Randomisation check: {word} (median correlation with the maps of shuffled weights "
        f"{_signed(median)}, limit {check.limit:g})."
    )


def _signed(value: float) -> str:
    return f"{value:.2f}".replace("-", "\u2212")


def _warnings(maps: HeatMaps) -> list[Prose]:
    found = []
    height, width = maps.cells
    check = maps.check
    if check.passed is False:
        found.append(
            "The maps do not depend on what was learned: with shuffled weights they look much the "
            "same. They show the image, not the network; nothing is to be concluded from them."
        )
    if check.passed is None:
        found.append(
            f"The randomisation check cannot be made: {check.n_undefined} of "
            f"{check.n_patients * check.n_draws} pairs of maps have no correlation (a map without "
            "heat, or the same heat in every cell)."
        )
    if height * width < _COARSE:
        found.append(
            f"A map has {height} x {width} {'cell' if height * width == 1 else 'cells'} in a crop "
            f"of {maps.crop_px} pixels: too coarse to tell the ROI from what surrounds it. The "
            "table says which ratios can be reached at all; larger crops (imaging.crop_px) give "
            "finer maps."
        )
    return [Prose(text, tone="warning") for text in found]


def _table(maps: HeatMaps) -> Table:
    level = maps.check.correlation.level
    columns = [name.replace("95%", f"{100 * level:g}%") for name in _COLUMNS]
    return table(
        "Heat inside the ROI over the ROI's share of the field",
        columns,
        [_row(one) for one in maps.parts],
        notes=(
            "Training patients: the network has learned from them. Reachable: from all heat in "
            "the cell farthest from the ROI to all heat in the nearest one.",
        ),
    )


def _row(part: HeatOfPart) -> tuple[str, ...]:
    spread = part.ratio
    quartiles = ABSENT
    if spread.lower_quartile is not None and spread.upper_quartile is not None:
        quartiles = f"{spread.lower_quartile:.2f} to {spread.upper_quartile:.2f}"
    return (
        f"{part.arm.label}, {SPLIT_NAMES[part.split].lower()}",
        str(part.n),
        str(part.n_without_heat),
        f"{part.roi_share:.0%}",
        _ratio(spread),
        quartiles,
        f"{part.lowest:.2f} to {part.highest:.2f}",
    )


def _how_to_read(maps: HeatMaps) -> tuple[str, ...]:
    check = maps.check
    height, width = maps.cells
    return (
        f"Grad-CAM of the deployed network ({maps.network_id}), layer {maps.layer}: the last map's "
        f"channels weighted by the gradient of the logit of high risk, what speaks for low risk "
        f"left out, {height} x {width} cells enlarged to the crop (Selvaraju 2017, "
        "10.1109/ICCV.2017.74). A patient in whom nothing speaks for high risk has no heat.",
        "A ratio of 1 is what even heat gives, above 1 the network looks into the ROI more than "
        "beside it. The crop is centered on the ROI: a network that always looks at the middle "
        "has a high ratio too, and a high ratio is no proof that it has understood the tumor.",
        f"Randomisation check (Adebayo 2018, arXiv:1810.03292): the maps of "
        f"{count_text(check.n_patients, 'training patient')} beside those of the same network with "
        f"the weights of each layer shuffled, {check.n_draws} draws; Spearman's correlation over "
        "the map's cells. Below the limit a map depends on what was learned; that does not say "
        "that it is right.",
        "Of the test patients images and ROI were read, neither outcomes nor predictions; nothing "
        "was chosen by their maps. The examples are training patients.",
    )
