"""Damage of volumes and ROIs: the patient is set aside and named with the role of the file."""

import gzip
import shutil

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from tests.faults.damage import Case, check, judge, pseudonym
from tests.faults.hospital import (
    ball,
    phantom,
    to_image,
    write_hospital,
    write_roi,
    write_volume,
)

pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

PATIENT, OTHER = 3, 4
ROLES = {"art": "arterial", "pv": "portal venous", "roi": "ROI"}


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    return write_hospital(tmp_path_factory.mktemp("images") / "export")


@pytest.fixture
def hospital(intact, tmp_path):
    shutil.copytree(intact.root, tmp_path / "export")
    return type(intact)(tmp_path / "export", intact.ids)


def path_of(hospital, place, patient=PATIENT):
    return hospital.roi_path(patient) if place == "roi" else hospital.volume_path(patient, place)


def case(kind, place, change, phrase, *, also=(), gate=False):
    """Damage of one file of the patient: `change` is given its path."""
    return Case(
        kind=kind,
        place=place,
        damage=lambda hospital: change(path_of(hospital, place)),
        field=ROLES[place],
        phrase=phrase,
        patient=PATIENT,
        also=also,
        gate=gate,
    )


def keep(share):
    def cut(path):
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])

    return cut


def flip_bytes(path):
    whole = bytearray(path.read_bytes())
    middle = 3 * len(whole) // 4
    for place in range(middle, middle + 30):
        whole[place] ^= 0x5A
    path.write_bytes(bytes(whole))


def write(content):
    return lambda path: path.write_bytes(content)


def voxels(change):
    """Damage that changes the volume's values."""

    def damage(path):
        image = sitk.ReadImage(str(path))
        made = sitk.GetImageFromArray(change(sitk.GetArrayFromImage(image)))
        made.CopyInformation(image)
        sitk.WriteImage(made, str(path))

    return damage


def instead(make):
    """Damage that writes another image in the file's place."""
    return lambda path: sitk.WriteImage(make(), str(path))


def nan_at(n):
    def change(values):
        values = values.astype(np.float32)
        values.ravel()[:n] = np.nan
        return values

    return change


def header_sizes(path):
    """A header that promises a hundred gigabytes."""
    head, data = path.read_bytes().split(b"\n\n", 1)
    lines = [
        b"sizes: 4000 4000 4000" if line.startswith(b"sizes") else line
        for line in head.splitlines()
    ]
    path.write_bytes(b"\n".join(lines) + b"\n\n" + data)


def nifti_sizes(path):
    plain = bytearray(gzip.decompress(path.read_bytes()))
    plain[42:48] = np.array([4000, 4000, 4000], dtype="<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(plain)))


def nifti_bomb(path):
    """A small file that inflates to far more than its header says."""
    plain = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(plain + bytes(400_000_000), 9))


def shifted_roi(path):
    """Another patient's ROI: it lies where this CT is not."""
    mask = sitk.ReadImage(str(path))
    mask.SetOrigin((400.0, 300.0, 900.0))
    sitk.WriteImage(mask, str(path))


def empty_roi(path):
    write_roi(path, np.zeros_like(ball()))


def outside_body(path):
    write_roi(path, ball(center=(1, 1, 4), radius_mm=6))


def second_file(path):
    shutil.copy(path, path.with_name(f"{path.name.split('.')[0]}.second.nrrd"))


def alone(change):
    """Damage of an ROI that no reader's stands in for."""

    def damage(path):
        for reader in ("reader1", "reader2"):
            (path.parents[1] / reader / path.name).unlink()
        change(path)

    return damage


def link_out(path):
    target = path.parents[2] / f"elsewhere-{path.name}"
    shutil.move(path, target)
    path.symlink_to(target)


def file_cases():
    for place in ROLES:
        broken = "export it" if place == "roi" else "cannot be read"
        yield case("cut off", place, keep(0.6), broken)
        yield case("nearly nothing", place, keep(0.02), broken)
        yield case("empty file", place, write(b""), broken)
        yield case("text", place, write(b"see the other folder\n" * 40), broken)
        yield case("a picture", place, write(b"\x89PNG\r\n\x1a\n" + bytes(900)), broken)
        yield case("damaged stream", place, flip_bytes, broken)
        yield case("gzip of nothing", place, write(gzip.compress(b"")), broken)
        if place == "roi":
            for kind, change in (
                ("missing", lambda path: path.unlink()),
                ("a link that leads out", link_out),
                ("a folder", lambda path: (path.unlink(), path.mkdir())),
            ):
                yield case(kind, place, alone(change), "is missing")


def volume_cases():
    for place in ("art", "pv"):
        yield case("not a number", place, voxels(nan_at(5)), "hold no number")
        yield case("four dimensions", place, instead(lambda: sitk.Image([8, 8, 4, 2], 2)), "4 dim")
        vector = instead(lambda: sitk.Image([8, 8, 4], sitk.sitkVectorInt16, 2))
        yield case("two channels", place, vector, "channels")
        yield case("one slice", place, instead(lambda: sitk.Image([20, 20, 1], 2)), "no volume")
        yield case("a promise of gigabytes", place, nifti_sizes, "which no CT has")
        yield case("two files", place, second_file, "2 files fit")
        grey = voxels(lambda values: np.clip((values + 200) // 3, 0, 255).astype(np.int16))
        yield case("grey values", place, grey, "HU", gate=True)
    yield case("sizes", "roi", header_sizes, "ROI")
    yield case("empty", "roi", empty_roi, "is empty")
    yield case("of another patient", "roi", shifted_roi, "lies inside")
    yield case("outside the body", "roi", outside_body, "body", gate=True)
    yield case("two files", "roi", second_file, "2 files fit")


def same_ct(place):
    def damage(hospital):
        shutil.copy(path_of(hospital, place, OTHER), path_of(hospital, place, PATIENT))

    return damage


def pair_cases():
    for place in ("art", "pv"):
        yield Case(
            kind="another patient's CT",
            place=place,
            damage=same_ct(place),
            field="CT",
            phrase="same CT as patient",
            patient=PATIENT,
            also=(OTHER,),
        )

    def one_for_both(hospital):
        shutil.copy(path_of(hospital, "art"), path_of(hospital, "pv"))

    yield Case(
        kind="one volume for both phases",
        place="pv",
        damage=one_for_both,
        field="phases",
        phrase="are one acquisition",
        patient=PATIENT,
        gate=True,
    )


CASES = [*file_cases(), *volume_cases(), *pair_cases()]


def test_the_intact_folder_loses_nobody(hospital, tmp_path):
    verdict = judge(hospital, tmp_path / "study", gate=True)
    assert verdict.refused is None
    assert verdict.reasons == {}


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_damage_names_patient_and_file(case, hospital, tmp_path):
    case.damage(hospital)
    check(case, hospital, judge(hospital, tmp_path / "study", gate=case.gate))


@pytest.mark.parametrize("place", ["art", "pv"])
def test_a_missing_phase_is_noted_and_the_patient_kept_out_of_what_needs_both(
    hospital, tmp_path, place
):
    path_of(hospital, place).unlink()
    verdict = judge(hospital, tmp_path / "study")
    assert any(f"the {ROLES[place]} phase is missing" in note for note in verdict.notes)


@pytest.mark.parametrize("damage", [keep(0.5), empty_roi, shifted_roi, write(b"")])
def test_a_reader_s_bad_roi_costs_the_patient_nothing(hospital, tmp_path, damage):
    damage(hospital.root / "reader2" / f"{hospital.ids[PATIENT]}.seg.nrrd")
    verdict = judge(hospital, tmp_path / "study")
    assert verdict.reasons == {}


def test_without_a_consensus_the_first_reader_counts_and_that_is_said(hospital, tmp_path):
    hospital.roi_path(PATIENT).unlink()
    verdict = judge(hospital, tmp_path / "study")
    assert verdict.reasons == {}
    said = f"{pseudonym(hospital, PATIENT)}: there is no consensus ROI: that of reader 1 counts"
    assert said in verdict.notes


def test_a_small_file_that_inflates_without_end_stays_bounded(hospital, tmp_path):
    nifti_bomb(hospital.volume_path(PATIENT, "art"))
    verdict = judge(hospital, tmp_path / "study")
    assert set(verdict.reasons) <= {pseudonym(hospital, PATIENT)}


def test_a_roi_on_another_grid_counts_where_it_lies(hospital, tmp_path):
    path = hospital.roi_path(PATIENT)
    image = sitk.Flip(sitk.ReadImage(str(path)), [True, False, True])
    sitk.WriteImage(image, str(path))
    verdict = judge(hospital, tmp_path / "study")
    assert verdict.reasons == {}


def test_an_intact_volume_of_another_kind_is_taken(hospital, tmp_path):
    path = hospital.volume_path(PATIENT, "art")
    values = phantom(np.random.default_rng(3), 70, ball())
    path.unlink()
    write_volume(path.with_name("art.nrrd"), values)
    floats = sitk.Cast(to_image(values + 1), sitk.sitkFloat64)
    sitk.WriteImage(floats, str(hospital.volume_path(OTHER, "art")))
    verdict = judge(hospital, tmp_path / "study")
    assert verdict.reasons == {}
