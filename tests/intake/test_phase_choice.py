"""Which series is which phase: by the mapping alone, and nothing is guessed."""

import pytest

from components.imaging.dicom_series import index_dicom
from components.intake.mapping_images import ImageSource
from components.intake.phase_choice import choose_phases
from tests.imaging.dicom_files import CtSeries, ramp

ROI = {"path": ("{patient}/roi.seg.nrrd",)}


def images(arterial, portal_venous):
    return ImageSource(
        dicom="dicom", arterial=arterial, portal_venous=portal_venous, roi=ROI, readers={}
    )


BY_WORDS = images({"series": ("art", "动脉期")}, {"series": ("portal venous", "门脉期")})
BY_TIME = images({"seconds_after_contrast": (25, 45)}, {"seconds_after_contrast": (55, 90)})


@pytest.fixture
def patient(tmp_path):
    """A writer of a patient's series (folder, description, seconds, other attributes)."""

    def write(*series):
        study = CtSeries().study_uid
        for number, (folder, description, seconds, *rest) in enumerate(series, start=1):
            attributes = {"SeriesDescription": description, "SeriesNumber": number}
            attributes["SpecificCharacterSet"] = "ISO_IR 192"
            if seconds is not None:
                attributes["ContrastBolusStartTime"] = "235930"
                clock = (86370 + seconds) % 86400
                attributes["AcquisitionTime"] = (
                    f"{clock // 3600:02d}{clock // 60 % 60:02d}{clock % 60:02d}"
                )
            attributes |= rest[0] if rest else {}
            written = CtSeries(hu=ramp(3, 4, 4), study_uid=study, attributes=attributes)
            written.prefix = f"{number}_"
            written.write(tmp_path / folder)
        return index_dicom(tmp_path).series

    return write


def numbers(choice, series):
    """By phase the number of its series, counted from 1."""
    return tuple(
        None if one is None else series.index(one) + 1
        for one in (choice.arterial, choice.portal_venous)
    )


@pytest.mark.parametrize(
    "described",
    [
        ("Nativ", "ART 5mm", "Portal  Venous 1.0 B30f"),
        ("start of scan", "abd_art_1mm", "PORTAL VENOUS"),
        ("平扫", "腹部动脉期5mm", "腹部门脉期"),
        ("plain", "Ａｒｔ", "portal venous"),
    ],
)
def test_by_words_of_the_description(patient, described):
    series = patient(*(("d", words, None) for words in described))

    choice = choose_phases(series, BY_WORDS)

    assert numbers(choice, series) == (2, 3)
    assert choice.reasons == ()


def test_a_word_is_not_found_inside_another(patient):
    series = patient(("d", "start", None), ("d", "arterial", None), ("d", "portal venous", None))

    choice = choose_phases(series, BY_WORDS)

    assert numbers(choice, series) == (None, 3)


def test_by_time_since_contrast_across_midnight(patient):
    series = patient(("d", "", None), ("d", "", 65), ("d", "", 33), ("d", "", 180))

    assert numbers(choose_phases(series, BY_TIME), series) == (3, 2)


def test_by_folder_below_the_imported_one(patient, tmp_path):
    series = patient(
        ("dicom/4711/art/x/y", "", None),
        ("dicom/4711/pv", "", None),
        ("dicom/4711/other/art2", "", None),
        ("dicom/47/art", "", None),
    )
    mapped = images({"path": ("dicom/{patient}/a?t",)}, {"path": ("**/[p]v*",)})

    choice = choose_phases(series, mapped, root=tmp_path, patient_id="4711")

    assert numbers(choice, series) == (1, 2)
    nowhere = choose_phases(series, images({"path": ("4711/art",)}, {"path": ("nowhere",)}))
    assert numbers(nowhere, series) == (1, None)
    strict = choose_phases(
        series, images({"path": ("4711/art",)}, {"path": ("*/pv",)}), root=tmp_path
    )
    assert numbers(strict, series) == (None, None)


def test_a_series_that_only_partly_lies_in_the_folder_does_not_fit(patient, tmp_path):
    (series,) = patient(("dicom/art", "", None))
    moved = series.files[0]
    (tmp_path / "dicom" / "else").mkdir()
    moved.rename(tmp_path / "dicom" / "else" / moved.name)
    again = index_dicom(tmp_path).series

    choice = choose_phases(again, images({"path": ("dicom/art",)}, {"path": ("x",)}), root=tmp_path)

    assert choice.arterial is None


def test_later_questions_narrow_what_earlier_ones_leave(patient):
    series = patient(
        ("d", "art", 33), ("d", "art late", 47), ("d", "portal venous", 70), ("d", "nativ", 30)
    )
    mapped = images(
        {"series": ("art",), "seconds_after_contrast": (25, 40)}, {"series": ("portal venous",)}
    )

    assert numbers(choose_phases(series, mapped), series) == (1, 3)


def test_a_later_question_that_nothing_fits_settles_nothing(patient):
    series = patient(("d", "art", None), ("d", "art", None), ("d", "portal venous", None))
    mapped = images(
        {"series": ("art",), "seconds_after_contrast": (25, 40)},
        {"series": ("portal venous",), "seconds_after_contrast": (55, 90)},
    )

    choice = choose_phases(series, mapped)

    assert numbers(choice, series) == (None, 3)
    assert choice.reasons[0].startswith("arterial: 2 of 3 series fit the mapping")


def test_several_that_fit_are_listed_and_none_is_taken(patient):
    series = patient(
        ("d", "art Muster", 33, {"ConvolutionKernel": "B30f"}),
        ("d", "art Muster", 33, {"ConvolutionKernel": "B70f", "SliceThickness": 1}),
        ("d", "portal venous", 70),
    )

    choice = choose_phases(series, BY_WORDS)

    assert numbers(choice, series) == (None, 3)
    assert choice.reasons == (
        "arterial: 2 of 3 series fit the mapping, expected one (series 1: 3 slices, 2.5 mm, "
        "33 s after contrast, kernel B30f; series 2: 3 slices, 1 mm, 33 s after contrast, "
        "kernel B70f); make its words, times or paths narrower",
    )


def test_one_series_that_fits_both_phases_is_neither(patient):
    series = patient(("d", "art and portal venous", 33), ("d", "nativ", None))

    choice = choose_phases(series, BY_WORDS)

    assert numbers(choice, series) == (None, None)
    assert "the same series fits the arterial and the portal venous phase" in choice.reasons[0]


def test_none_that_fits_says_what_there_is(patient):
    series = patient(("d", "Muster 1", 33), ("d", "Muster 2", None, {"Modality": "MR"}))

    choice = choose_phases(series, images({"series": ("art",)}, {"series": ("muster 2",)}))

    assert choice.reasons == (
        "arterial: none of 2 series fits the mapping "
        "(series 1: 3 slices, 2.5 mm, 33 s after contrast)",
        "portal venous: what fits the mapping among 2 series cannot be used "
        "(series 2: modality MR, expected CT)",
    )
    assert "uster" not in repr(choice.reasons)


def test_phases_of_two_examinations_are_not_put_together(patient):
    series = patient(
        ("d", "art", 33, {"StudyInstanceUID": "1.2", "StudyDate": "20200301"}),
        ("d", "portal venous", 70, {"StudyInstanceUID": "1.3", "StudyDate": "20200411"}),
    )

    choice = choose_phases(series, BY_WORDS)

    assert numbers(choice, series) == (None, None)
    assert "of different examinations, 41 days apart" in choice.reasons[0]


def test_no_series_at_all():
    choice = choose_phases((), BY_TIME)

    assert (choice.arterial, choice.portal_venous) == (None, None)
    assert choice.reasons[0] == ("arterial: none of 0 series fits the mapping (none is usable)")
