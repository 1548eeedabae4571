"""Versions added, pushed and pulled, against a real DVC workspace with a real local remote."""

import shutil

import pandas as pd
import pytest

from components.errors import DataError, IntegrityError, UsageError
from components.platform.data_diff import cohort_in_folder, compare_versions
from components.platform.data_transfer import add_version, data_state, pull_version, push_version
from components.platform.data_version import recorded_md5
from components.platform.data_workspace import fetching_mark
from tests.platform.small_study import (
    HIM,
    change_cell,
    damage,
    forget,
    make_study,
    remote_object,
)

# The configuration library below DVC asks its own parser in a way that it will give up.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")
VOLUME = f"images/{HIM}/arterial.nii.gz"


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path / "study")


def unverified(study):
    """A remote of which DVC takes whatever it finds, as it does unless it is told."""
    settings = study / ".dvc" / "config"
    settings.write_text(settings.read_text().replace("verify = True", "verify = False"))


def test_a_whole_study_is_called_whole(study):
    state = data_state(study)

    assert state.recorded == state.current == recorded_md5(study)
    (held,) = state.held.values()
    assert held.is_whole


def test_state_tells_changed_data_and_damaged_and_missing_objects_and_removes_nothing(study):
    damaged, missing = remote_object(study, VOLUME), remote_object(study, "manifest.parquet")
    damage(damaged)
    missing.unlink()
    change_cell(study, HIM, age_years=90.0)

    state = data_state(study)

    assert state.current not in {None, state.recorded}
    (held,) = state.held.values()
    assert (held.damaged, held.missing) == ((VOLUME,), ("manifest.parquet",))
    assert damaged.exists()
    assert data_state(study, read=False).held["the remote 'local'"].damaged == ()


def test_adding_makes_a_version_once(study):
    first = recorded_md5(study)
    change_cell(study, HIM, age_years=90.0)

    version, again = add_version(study), add_version(study)

    assert (version.differs, again.differs) == (True, False)
    assert version.md5 == again.md5 == recorded_md5(study) != first


def test_adding_without_data_says_so(study):
    shutil.rmtree(study / "data")

    with pytest.raises(DataError, match="armwise data pull"):
        add_version(study)


@pytest.mark.parametrize("is_verified", [True, False])
@pytest.mark.parametrize("is_fresh", [True, False])
def test_pulling_from_a_damaged_remote_fails_and_names_patient_and_file(
    study, is_verified, is_fresh
):
    damage(remote_object(study, VOLUME))
    if is_fresh:
        forget(study)
    if not is_verified:
        unverified(study)

    with pytest.raises(IntegrityError, match=f"arterial.nii.gz of patient {HIM} damaged") as no:
        pull_version(study)

    assert no.value.exit_code == 5
    assert "PSEUDO1" not in str(no.value)
    assert (study / "data").exists() is not is_fresh


def test_pulling_what_the_remote_lacks_names_patient_and_file_without_digests(study):
    path = remote_object(study, VOLUME)
    path.unlink()
    forget(study)

    with pytest.raises(DataError, match=f"lacks arterial.nii.gz of patient {HIM}") as no:
        pull_version(study)

    assert path.name not in str(no.value)


def test_a_remote_without_the_list_of_files_is_said(study):
    md5 = recorded_md5(study)
    (study / ".armwise/dvc-remote/files/md5" / md5[:2] / md5[2:]).unlink()
    forget(study)

    with pytest.raises(DataError, match="lacks the list of its files"):
        pull_version(study)


def test_pulling_brings_the_data_back_byte_by_byte(study):
    before = cohort_in_folder(study).files
    forget(study)

    version = pull_version(study)

    assert (version.source, version.md5) == ("remote", recorded_md5(study))
    assert cohort_in_folder(study).files == before


def test_pulling_does_not_undo_changes_unless_it_is_told_to(study):
    change_cell(study, HIM, age_years=90.0)

    with pytest.raises(UsageError, match="--force"):
        pull_version(study)
    pull_version(study, force=True)

    table = pd.read_parquet(study / "data/clinical.parquet").set_index("patient_id")
    assert table.loc[HIM, "age_years"] == 53


def test_an_earlier_version_comes_back_and_data_dvc_says_so(study):
    first, content = recorded_md5(study), (study / "data.dvc").read_text()
    change_cell(study, HIM, age_years=90.0)
    second = add_version(study).md5
    push_version(study)

    assert pull_version(study, first).md5 == recorded_md5(study) == first
    assert (study / "data.dvc").read_text() == content
    assert pull_version(study, second).md5 == recorded_md5(study) == second


def test_a_pull_that_was_cut_off_is_made_again(study):
    (study / "data" / "clinical.parquet").unlink()
    fetching_mark(study).touch()

    assert pull_version(study).source == "remote"
    assert (study / "data" / "clinical.parquet").exists()


@pytest.mark.parametrize("fault", ["damaged", "missing", "list"])
def test_pushing_heals_a_remote_from_the_intact_copy_here(study, fault):
    path = remote_object(study, VOLUME)
    if fault == "damaged":
        damage(path)
    elif fault == "missing":
        path.unlink()
    else:
        md5 = recorded_md5(study)
        damage(study / ".armwise/dvc-remote/files/md5" / md5[:2] / md5[2:])

    assert push_version(study) == 1
    assert push_version(study) == 0
    forget(study)
    assert pull_version(study).source == "remote"


def test_a_damaged_cache_is_filled_from_the_data_and_without_these_it_is_not_pushed(study):
    content = (study / "data" / VOLUME).read_bytes()
    files = [path for path in (study / ".dvc/cache/files/md5").rglob("*") if path.is_file()]
    cached = next(path for path in files if path.read_bytes() == content)
    damage(cached)

    assert push_version(study) == 0
    assert cached.read_bytes() == content
    damage(cached)
    shutil.rmtree(study / "data")
    with pytest.raises(IntegrityError, match=f"arterial.nii.gz of patient {HIM} damaged"):
        push_version(study)


def test_versions_and_the_folder_are_compared_from_wherever_they_are(study):
    first = recorded_md5(study)
    change_cell(study, HIM, death=0, os_days=10.0)
    second = add_version(study).md5
    push_version(study)
    change_cell(study, HIM, age_years=90.0)
    shutil.rmtree(study / ".dvc" / "cache")

    (outcome,) = compare_versions(study, first, second).outcomes
    (column,) = compare_versions(study, second, None).columns
    assert (outcome.patient_id, outcome.is_backward) == (HIM, True)
    assert (column.column, column.cells[0].patient_id) == ("age_years", HIM)


def test_a_version_whose_table_is_damaged_everywhere_is_told(study):
    first = recorded_md5(study)
    damage(remote_object(study, "clinical.parquet"))
    change_cell(study, HIM, age_years=90.0)
    shutil.rmtree(study / ".dvc" / "cache")

    with pytest.raises(IntegrityError, match=r"clinical\.parquet"):
        compare_versions(study, first, None)
