"""What is expected of the image manifest, as data: expectations and what follows.

Every rule is listed whichever columns a manifest has: the gate reports those that lack theirs as
not assessable.
"""

from collections.abc import Sequence

from components.cohort.consistency_rules import Consistency
from components.cohort.manifest_schema import OPTIONAL_MANIFEST_COLUMNS
from components.cohort.schema import MANIFEST_COLUMNS
from components.imaging.agreement import MINIMUM_DICE
from components.platform.expectation_rule import Rule, between, exists, holds

_SPACING_MM = (0.1, 20.0)
_FIELD_MM = (40.0, 1000.0)
_HU_IN_ROI = (-200.0, 600.0)
_LARGEST_SLICE_SPACING_MM = 7.5
_LEAST_SHARE = 0.9
_LARGEST_SHIFT_MM = 15.0
_LARGEST_SURFACE_DISTANCE_MM = 4.0


def manifest_rules(between_columns: Sequence[Consistency] = ()) -> list[Rule]:
    """What is expected of an image manifest, whichever columns it has.

    Args:
        between_columns: Rules whose derived columns the table has been given.
    """
    rules = [exists(name, remedy="import the images again") for name in MANIFEST_COLUMNS]
    rules += [*_roi_rules(), *_grid_rules(), *_hu_rules(), *_warnings()]
    return rules + [
        holds(one.name, one.reason, one.consequence, asked=one.asked, needs=one.needs)
        for one in between_columns
    ]


def _roi_rules() -> list[Rule]:
    return [
        Rule(
            "ExpectColumnValuesToBeUnique",
            {"column": "patient_id"},
            "stands more than once in the image manifest",
        ),
        Rule(
            "ExpectColumnValuesToNotBeNull",
            {"column": "roi_voxels"},
            "has no complete images (both phases and an ROI)",
        ),
        _at_least("roi_voxels", 1, "has an empty ROI"),
        _at_least(
            "roi_share_in_body",
            _LEAST_SHARE,
            "more than a tenth of the ROI lies outside the body; check that ROI and CT are of the "
            "same examination",
        ),
        *(
            _at_least(
                f"roi_share_in_{phase}",
                _LEAST_SHARE,
                f"more than a tenth of the ROI lies outside the {phase.replace('_', ' ')} volume; "
                "check that ROI and CT are of the same examination",
            )
            for phase in ("arterial", "portal_venous")
        ),
    ]


def _grid_rules() -> list[Rule]:
    return [
        *(between(f"spacing_{axis}_mm", *_SPACING_MM, " mm") for axis in "xyz"),
        *(between(f"field_{axis}_mm", *_FIELD_MM, " mm") for axis in "xy"),
    ]


def _hu_rules() -> list[Rule]:
    return [
        between(f"{phase}_mean_hu_in_roi", *_HU_IN_ROI, " HU")
        for phase in ("arterial", "portal_venous")
    ]


def _warnings() -> list[Rule]:
    """What somebody should look at; the subjects of each are its review list."""
    return [
        _at_most(
            "spacing_z_mm",
            _LARGEST_SLICE_SPACING_MM,
            "slices farther apart than 7.5 mm: a small lesion falls between two of them; use a "
            "thinner reconstruction where there is one",
        ),
        *(
            _at_most(
                f"{phase}_blank_slices",
                0,
                f"slices of the {phase.replace('_', ' ')} volume are blank or repeat their "
                "neighbour, as where missing ones were filled; look at the series",
            )
            for phase in ("arterial", "portal_venous")
        ),
        _at_most(
            "roi_pieces",
            1,
            "the outline of one lesion has separate parts; draw lesions as segments of their own",
        ),
        Rule(
            "ExpectColumnValuesToBeBetween",
            {
                "column": "phase_shift_mm",
                "min_value": -_LARGEST_SHIFT_MM,
                "max_value": _LARGEST_SHIFT_MM,
            },
            "breathing has moved the liver by more than 15 mm between the phases; look at whether "
            "the ROI, drawn on one, still meets the lesion in the other",
            "warn",
        ),
        *_reader_warnings(),
        *_plausible_sizes(),
    ]


def _reader_warnings() -> list[Rule]:
    return [
        Rule(
            "ExpectColumnValuesToBeBetween",
            {"column": "reader_dice", "min_value": MINIMUM_DICE},
            f"the readers' ROIs agree less than a Dice of {MINIMUM_DICE:g}; review them together",
            "warn",
        ),
        _at_most(
            "reader_surface_mm",
            _LARGEST_SURFACE_DISTANCE_MM,
            "the readers' outlines lie 4 mm or more apart on average; review them together",
        ),
    ]


def _plausible_sizes() -> list[Rule]:
    names = ("roi_total_volume_ml", "roi_max_diameter_cm")
    variables = [OPTIONAL_MANIFEST_COLUMNS[name] for name in names]
    return [between(one.name, one.lower, one.upper, f" {one.unit}", "warn") for one in variables]


def _at_least(column: str, least: float, reason: str) -> Rule:
    return Rule("ExpectColumnValuesToBeBetween", {"column": column, "min_value": least}, reason)


def _at_most(column: str, most: float, reason: str) -> Rule:
    arguments = {"column": column, "max_value": most}
    return Rule("ExpectColumnValuesToBeBetween", arguments, reason, "warn")
