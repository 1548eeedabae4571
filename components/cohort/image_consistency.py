"""What the image manifest is asked beyond ranges: each rule a column of true, false and unknown.

Unknown is what an image does not show: without a spine in its field nobody can say which contrast
phase it is. A rule counts only whom it could judge.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from components.cohort.consistency_rules import Consistency

_SPHERE_RATIO_WARN, _SPHERE_RATIO_WRONG = (0.12, 2.5), (0.015, 10.0)
"""Volume of the ROI over that of a sphere of the reported diameter. A lesion is flatter than the
sphere around it, and a diameter read in another plane or half a year earlier still stays within
the first; beyond the second it is another lesion, or centimetres and millimetres were mixed up."""
_GAP_OVER_THICKNESS = 1.5
_RESCALE = "export the series again, with its rescale slope and intercept applied"


def image_rules() -> tuple[Consistency, ...]:
    """Every rule of this kind; two read the clinical table's `tumor_diameter_cm` as well."""
    return (*_phase_rules(), *_volume_rules(), *_gap_rules(), *_diameter_rules())


def _phase_rules() -> tuple[Consistency, ...]:
    wrong = {
        "swapped": (
            "the two phases are swapped: the aorta is brighter and the liver darker in the volume "
            "filed as portal venous; exchange the files or correct the mapping",
            "contrast phases not swapped",
        ),
        "duplicated": (
            "both phases are one acquisition; find the volume that is missing",
            "contrast phases not one volume twice",
        ),
        "non_contrast": (
            "at least one of the two volumes shows no contrast in the aorta; choose the series "
            "after the injection",
            "contrast in both phases",
        ),
    }
    rules = [
        Consistency(
            f"phases_not_{verdict}",
            asked,
            reason,
            "quarantine",
            ("phase_verdict",),
            _is_not("phase_verdict", verdict),
        )
        for verdict, (reason, asked) in wrong.items()
    ]
    unclear = Consistency(
        "phases_not_unclear",
        "contrast phases told apart",
        "from the first volume to the second the aorta does not fall while the liver rises, nor "
        "the other way round; look at which phases these are",
        "warn",
        ("phase_verdict",),
        _is_not("phase_verdict", "unclear"),
    )
    return (*rules, unclear)


def _volume_rules() -> tuple[Consistency, ...]:
    complete = Consistency(
        "phases_complete",
        "both phases around the ROI",
        "a phase is missing, or shows nothing where the ROI lies; bring the other series; "
        "imaging.missing_phase of the protocol says what follows",
        "warn",
        ("roi_voxels",),
        _both_phases,
    )
    return (
        complete,
        *(
            Consistency(
                f"{phase}_is_hu",
                f"values of the {phase.replace('_', ' ')} volume are HU",
                f"the values of the {phase.replace('_', ' ')} volume cannot be HU (no air below "
                f"-200 in a field that must hold some, an offset, or too few values); {_RESCALE}",
                "quarantine",
                (f"{phase}_hu_scale",),
                _is_not(f"{phase}_hu_scale", "not_hu"),
            )
            for phase in ("arterial", "portal_venous")
        ),
    )


def _gap_rules() -> tuple[Consistency, ...]:
    return tuple(
        Consistency(
            f"{phase}_without_gaps",
            f"no gaps between slices of the {phase.replace('_', ' ')} volume",
            f"slices of the {phase.replace('_', ' ')} volume stand farther apart than they are "
            "thick; what lies between was not seen: use a reconstruction without gaps",
            "warn",
            ("spacing_z_mm", f"{phase}_slice_thickness_mm"),
            _no_gap(f"{phase}_slice_thickness_mm"),
        )
        for phase in ("arterial", "portal_venous")
    )


def _diameter_rules() -> tuple[Consistency, ...]:
    needs = ("roi_volume_ml", "tumor_diameter_cm")
    return (
        Consistency(
            "roi_is_of_reported_size",
            "ROI's volume against the reported diameter, roughly",
            "the ROI's volume cannot be that of a tumor of the reported diameter; is it another "
            "patient's ROI, or is the diameter in millimetres?",
            "quarantine",
            needs,
            _sphere_ratio_within(*_SPHERE_RATIO_WRONG, only_single=True),
        ),
        Consistency(
            "roi_fits_reported_size",
            "ROI's volume against the reported diameter",
            "the ROI's volume and the reported diameter are far apart; look at which lesion was "
            "outlined and which was measured",
            "warn",
            needs,
            _sphere_ratio_within(*_SPHERE_RATIO_WARN, only_single=False),
        ),
    )


def _is_not(column: str, wrong: str) -> Callable[[pd.DataFrame], pd.Series]:
    def judged(table: pd.DataFrame) -> pd.Series:
        said = table[column]
        known = said.notna() & (said != "not_assessable")
        return (said != wrong).astype(object).where(known)

    return judged


def _both_phases(table: pd.DataFrame) -> pd.Series:
    """Unknown for a patient without any images, whom another rule names."""
    columns = [f"{phase}_mean_hu_in_roi" for phase in ("arterial", "portal_venous")]
    there = table.reindex(columns=columns).notna().all(axis=1)
    return there.astype(object).where(table["roi_voxels"].fillna(0) > 0)


def _no_gap(thickness: str) -> Callable[[pd.DataFrame], pd.Series]:
    def judged(table: pd.DataFrame) -> pd.Series:
        apart = table["spacing_z_mm"] / table[thickness]
        return (apart <= _GAP_OVER_THICKNESS).astype(object).where(apart.notna())

    return judged


def _sphere_ratio_within(
    low: float, high: float, *, only_single: bool
) -> Callable[[pd.DataFrame], pd.Series]:
    """Of several lesions the reported diameter may be another's, or their sum: unknown then."""

    def judged(table: pd.DataFrame) -> pd.Series:
        sphere_ml = np.pi / 6 * pd.to_numeric(table["tumor_diameter_cm"]) ** 3
        ratio = pd.to_numeric(table["roi_volume_ml"]) / sphere_ml
        known = ratio.notna() & (table["roi_volume_ml"] > 0)
        if only_single:
            known &= ~_has_several(table)
        return ((ratio >= low) & (ratio <= high)).astype(object).where(known)

    return judged


def _has_several(table: pd.DataFrame) -> pd.Series:
    several = pd.Series(data=False, index=table.index)
    for column in ("n_lesions", "roi_pieces", "tumor_number"):
        if column in table:
            several |= pd.to_numeric(table[column]).fillna(1) > 1
    return several
