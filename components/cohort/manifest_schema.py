"""The optional columns of the image manifest: units and what can be measured.

The columns that every manifest has are `MANIFEST_COLUMNS` of `components.cohort.schema`. A manifest
without one of these is as good as before; the rules that would read it are not assessable.
"""

from components.cohort.schema import Variable

_LOOKS = ("arterial", "portal_venous", "non_contrast", "not_assessable")
_VERDICTS = ("ok", "swapped", "duplicated", "non_contrast", "unclear", "not_assessable")
_SCALES = ("hu", "not_hu", "not_assessable")
_HU = (-32768.0, 32767.0)


def _number(
    name: str, label: str, unit: str | None, limits: tuple[float | None, float | None]
) -> Variable:
    lower, upper = limits
    return Variable(name=name, label=label, kind="continuous", unit=unit, lower=lower, upper=upper)


def _count(name: str, label: str, unit: str) -> Variable:
    return Variable(name=name, label=label, kind="count", unit=unit, lower=0)


def _word(name: str, label: str, levels: tuple[str, ...]) -> Variable:
    return Variable(name=name, label=label, kind="categorical", levels=levels)


def _of_phase(phase: str) -> tuple[Variable, ...]:
    """What is known of one phase's volume."""
    said = phase.replace("_", " ")
    statistics = {
        "min": "Lowest value",
        "max": "Highest value",
        "mean": "Mean value",
        "p01": "1st percentile",
        "p50": "Median value",
        "p99": "99th percentile",
    }
    return (
        _count(f"{phase}_slices", f"Slices, {said}", "slices"),
        _count(f"{phase}_blank_slices", f"Blank or repeated slices, {said}", "slices"),
        *(
            _number(f"{phase}_hu_{key}", f"{label}, {said}", "HU", _HU)
            for key, label in statistics.items()
        ),
        _number(f"{phase}_hu_sd", f"SD of the values, {said}", "HU", (0, 32767)),
        _word(f"{phase}_hu_scale", f"Whether values are HU, {said}", _SCALES),
        _number(f"{phase}_sd_hu_in_roi", f"SD inside the ROI, {said}", "HU", (0, 2000)),
        _number(f"roi_share_in_{phase}", f"Share of the ROI in the volume, {said}", None, (0, 1)),
        _number(f"{phase}_aorta_hu", f"Aorta, {said}", "HU", (-100, 1500)),
        _number(f"{phase}_liver_hu", f"Liver, {said}", "HU", (-100, 400)),
        _word(f"{phase}_looks", f"Phase by its contrast, {said}", _LOOKS),
    )


OPTIONAL_MANIFEST_COLUMNS: dict[str, Variable] = {
    variable.name: variable
    for variable in (
        _number("field_x_mm", "Field, left to right", "mm", (10, 1000)),
        _number("field_y_mm", "Field, front to back", "mm", (10, 1000)),
        _number("field_z_mm", "Field, foot to head", "mm", (1, 2500)),
        *_of_phase("arterial"),
        *_of_phase("portal_venous"),
        _count("n_lesions", "Lesions outlined", "lesions"),
        _number("roi_total_volume_ml", "Volume of all lesions", "mL", (0, 10_000)),
        _count("roi_pieces", "Separate parts of the largest lesion's outline", "parts"),
        _number("roi_max_diameter_cm", "Largest axial diameter of the ROI", "cm", (0, 60)),
        _number("roi_share_in_body", "Share of the ROI inside the body", None, (0, 1)),
        _number("phase_difference_hu", "Difference of the phases in soft tissue", "HU", (0, 5000)),
        _number("phase_shift_mm", "Liver toward the head, portal venous", "mm", (-100, 100)),
        _word("phase_verdict", "Contrast phases of the pair", _VERDICTS),
        _number("reader_dice", "Dice of two readers", None, (0, 1)),
        _number("reader_surface_mm", "Mean distance of two readers' surfaces", "mm", (0, 500)),
    )
}
"""By name, as `components.imaging.image_record.ImageFigures` and two readers' ROIs give them."""
