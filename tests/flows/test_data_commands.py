"""`armwise data`: what a person types and reads, on a real study in DVC."""

import os
import shutil

import pandas as pd
import pytest

from components.errors import CohortRejected, DataError, IntegrityError, PlatformError, UsageError
from components.platform.data_version import recorded_md5
from flows.alone import alone
from tests.flows.commands import command
from tests.platform.small_study import (
    HIM,
    PATIENTS,
    change_cell,
    damage,
    forget,
    make_study,
    remote_object,
)

# The configuration library below DVC asks its own parser in a way that it will give up.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")
VOLUME = f"images/{HIM}/arterial.nii.gz"


@pytest.fixture(autouse=True)
def own_environment():
    """What the commands set for the platforms goes again."""
    before = dict(os.environ)
    os.environ.pop("ARMWISE_STUDY_KEY", None)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def study(tmp_path):
    return make_study(tmp_path / "study")


def test_status_of_a_whole_study_and_of_changed_data(study):
    assert "unchanged. The remote 'local' holds it whole" in command(study, "data", "status")
    change_cell(study, HIM, age_years=90.0)

    said = command(study, "data", "status")

    assert "changes that are no version yet" in said
    assert f"clinical age_years 1 {HIM}" in said
    assert "90" not in said  # whose value, and not which


def test_status_names_what_is_damaged_and_fails_with_integrity_s_code(study):
    damage(remote_object(study, VOLUME))

    with pytest.raises(IntegrityError) as no:
        command(study, "data", "status")
    assert no.value.exit_code == 5
    assert "holds it" not in command(study, "data", "status", "--quick")


def test_a_version_is_added_with_its_message_pushed_and_pulled_elsewhere(study):
    change_cell(study, HIM, os_days=800.0)
    added = command(study, "data", "add", "-m", "Follow-up of May")
    pushed = command(study, "data", "push")
    forget(study)
    pulled = command(study, "data", "pull")

    assert "1 patient followed longer" not in added  # he has died: the day changed
    assert f"ATTENTION, outcome: 1 patient day of death changed: {HIM}" in added
    assert "data/ is now version 2" in added
    assert "holds version 2" in pushed
    assert "fetched" in pulled
    history = command(study, "data", "history")
    assert "Follow-up of May" in history
    assert "Hepatectomy 4 (2) cache, remote" in history


def test_pulling_a_damaged_file_names_the_patient_and_the_code_is_that_of_integrity(study):
    damage(remote_object(study, VOLUME))
    forget(study)

    with pytest.raises(IntegrityError, match=f"arterial.nii.gz of patient {HIM}") as no:
        command(study, "data", "pull")

    assert no.value.exit_code == 5


def test_a_missing_file_is_told_by_patient_and_exits_as_bad_data(study):
    remote_object(study, VOLUME).unlink()
    forget(study)

    with pytest.raises(DataError, match=f"lacks arterial.nii.gz of patient {HIM}") as no:
        command(study, "data", "pull")

    assert no.value.exit_code == 3


def test_a_difference_names_patients_and_columns_and_values_where_asked(study):
    change_cell(study, HIM, age_years=90.0)
    table = pd.read_parquet(study / "data/clinical.parquet")
    table[table["patient_id"] != PATIENTS[0]].to_parquet(study / "data/clinical.parquet")
    (study / "data/images" / PATIENTS[1] / "roi.seg.nrrd").write_text("redrawn")
    command(study, "data", "add", "-m", "x")

    said = command(study, "data", "diff", "previous", "latest")

    assert f"1 patient left: {PATIENTS[0]}." in said
    assert "Something changed in 2 patients of the others." in said
    assert f"Images: ROI changed in 1 patient: {PATIENTS[1]}." in said
    assert "Split: nobody moved." in said
    assert "53" not in said
    assert f"{HIM}: 53 → 90" in command(study, "data", "diff", "1", "2", "--values")
    assert "Nothing differs" in command(study, "data", "diff")


def test_a_moved_split_is_said_loudly_and_not_added_by_the_way(study):
    path = study / "data/split.parquet"
    table = pd.read_parquet(path)
    table.loc[table["patient_id"] == HIM, "split"] = "train"
    table.to_parquet(path, index=False)
    before = recorded_md5(study)

    with pytest.raises(CohortRejected, match="1 patient changed place"):
        command(study, "data", "add", "-m", "x")
    assert recorded_md5(study) == before
    said = command(study, "data", "add", "-m", "x", "--accept-moved-split")

    assert f"ATTENTION, the split: 1 patient changed place, which must never happen: test patients were trained on, or the other way round. {HIM}: test before, train now" in said  # fmt: skip  # noqa: E501
    assert recorded_md5(study) != before


def test_an_unknown_version_is_refused_with_those_there_are(study):
    with pytest.raises(UsageError, match=r"no version fits.*There are: 1 \("):
        command(study, "data", "diff", "nonsense")


def test_data_are_not_changed_beside_a_run(study):
    home = study / ".armwise"
    with alone(home, say=lambda said: None):
        pid = os.fork()  # the lock belongs to a process
        if pid == 0:
            try:
                command(study, "data", "add", "-m", "x")
            except PlatformError as error:
                os._exit(7 if "not touched beside it" in str(error) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_commands_without_data_say_what_to_do(study):
    shutil.rmtree(study / "data")
    assert "data/ is not there: `armwise data pull`" in command(study, "data", "status")
    (study / "data.dvc").unlink()

    for arguments in (("status",), ("push",), ("pull",), ("add", "-m", "x")):
        with pytest.raises(DataError, match="armwise"):
            command(study, "data", *arguments)
