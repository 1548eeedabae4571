"""Which data a run reads, against a real DVC workspace with a real local remote."""

import shutil
import time
from pathlib import Path

import pytest

from components.errors import DataError, IntegrityError, PlatformError
from components.platform.data_remote import unused_cache
from components.platform.data_version import (
    file_md5s,
    init_study,
    quick_version,
    recorded_md5,
    resolve,
)

# The configuration library below DVC asks its own parser in a way that it will give up.
pytestmark = pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning")


def write_cohort(folder: Path, *, salt: str = "") -> None:
    for number in range(3):
        patient = folder / "images" / f"P{number}"
        patient.mkdir(parents=True)
        (patient / "arterial.nii.gz").write_text(f"volume {number}{salt}")
    (folder / "dataset.json").write_text("{}")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    write_cohort(folder / "data")
    init_study(folder, remote=folder / ".armwise" / "dvc-remote")
    return folder


def forget(study: Path) -> None:
    """As on a fresh machine: only `data.dvc` and the remote are there."""
    shutil.rmtree(study / "data")
    shutil.rmtree(study / ".dvc" / "cache")


def damage_remote(study: Path) -> None:
    for path in (study / ".armwise" / "dvc-remote").rglob("*"):
        if path.is_file() and not path.name.endswith(".dir"):
            path.chmod(0o644)
            path.write_text("damaged")


def test_remote_is_verified_and_written_relative_to_the_study(study):
    settings = (study / ".dvc" / "config").read_text()

    assert "url = ../.armwise/dvc-remote" in settings
    assert "verify = True" in settings


def test_unchanged_data_are_the_recorded_version(study):
    version = resolve(study)

    assert version.source == "workspace"
    assert version.md5 == recorded_md5(study)
    assert (version.n_files, version.differs) == (4, False)


def test_missing_data_come_from_the_remote(study):
    forget(study)

    version = resolve(study)

    assert version.source == "remote"
    assert (study / "data" / "images" / "P2" / "arterial.nii.gz").read_text() == "volume 2"


def test_a_changed_file_is_a_new_version_that_is_said_and_pushed(study):
    before = recorded_md5(study)
    (study / "data" / "dataset.json").write_text('{"name": "other"}')

    version = resolve(study)
    forget(study)

    assert version.differs
    assert version.adaptation is not None
    assert version.adaptation.asked == f"data version {before}"
    assert recorded_md5(study) == version.md5 != before
    assert resolve(study).md5 == version.md5


def remote_object(study: Path, name: str) -> Path:
    digest = file_md5s(study)[name]
    return study / ".armwise/dvc-remote/files/md5" / digest[:2] / digest[2:]


def test_damaged_remote_objects_are_not_taken_for_the_data(study):
    path = remote_object(study, "images/P1/arterial.nii.gz")
    path.chmod(0o644)
    path.write_text("damaged")
    forget(study)

    with pytest.raises(IntegrityError, match=r"holds arterial.nii.gz of patient P1 damaged") as no:
        resolve(study)

    assert no.value.exit_code == 5
    assert "P0" not in str(no.value)
    assert not (study / "data").exists()


def test_missing_remote_objects_are_named_by_patient_and_table(study):
    for name in ("images/P0/arterial.nii.gz", "dataset.json"):
        remote_object(study, name).unlink()
    forget(study)

    with pytest.raises(DataError, match=r"lacks dataset.json, arterial.nii.gz of patient P0;"):
        resolve(study)

    assert not (study / "data").exists()


def test_a_missing_list_of_files_is_said(study):
    for path in (study / ".armwise" / "dvc-remote").rglob("*.dir"):
        path.unlink()
    forget(study)

    with pytest.raises(DataError, match="lacks the list of its files"):
        resolve(study)


def test_a_version_that_the_remote_lacks_is_never_replaced_by_the_demo(study):
    forget(study)
    shutil.rmtree(study / ".armwise" / "dvc-remote")

    with pytest.raises(DataError, match="put the data back"):
        resolve(study, make_again=write_cohort, demo_md5="another.dir")


@pytest.mark.parametrize("fault", ["gone", "damaged"])
def test_the_demo_is_made_again_and_heals_the_remote(study, fault):
    demo_md5 = recorded_md5(study)
    forget(study)
    if fault == "gone":
        shutil.rmtree(study / ".armwise" / "dvc-remote")
    else:
        damage_remote(study)

    version = resolve(study, make_again=write_cohort, demo_md5=demo_md5)

    assert (version.source, version.md5, version.differs) == ("made again", demo_md5, False)
    forget(study)
    assert resolve(study).source == "remote"


def test_other_bytes_of_the_demo_go_on_as_a_new_version(study):
    demo_md5 = recorded_md5(study)
    forget(study)
    shutil.rmtree(study / ".armwise" / "dvc-remote")

    version = resolve(
        study, make_again=lambda folder: write_cohort(folder, salt="!"), demo_md5=demo_md5
    )

    assert version.differs
    assert version.md5 not in {demo_md5, None}
    assert "other bytes" in version.adaptation.why


def test_a_killed_making_leaves_no_half_cohort(study):
    demo_md5 = recorded_md5(study)
    forget(study)
    shutil.rmtree(study / ".armwise" / "dvc-remote")

    def killed(folder: Path) -> None:
        (folder / "dataset.json").write_text("{}")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        resolve(study, make_again=killed, demo_md5=demo_md5)

    assert not (study / "data").exists()
    assert resolve(study, make_again=write_cohort, demo_md5=demo_md5).md5 == demo_md5


def test_a_folder_left_by_a_killed_fetch_is_no_new_version(study):
    recorded = recorded_md5(study)
    (study / "data" / "dataset.json").unlink()
    (study / ".dvc" / "tmp" / "armwise-fetching").touch()

    assert quick_version(study) is None
    assert resolve(study).md5 == recorded


def test_neither_data_nor_version_is_an_error_that_says_what_to_do(tmp_path):
    init_study(tmp_path, remote=tmp_path / "remote")

    with pytest.raises(DataError, match="armwise init"):
        resolve(tmp_path)


def test_a_broken_data_dvc_is_named(study):
    (study / "data.dvc").write_text("outs: nothing")

    with pytest.raises(DataError, match=r"data\.dvc"):
        resolve(study)


def test_a_remote_that_cannot_be_written_is_a_platform_error(study):
    remote = study / ".armwise" / "dvc-remote"
    shutil.rmtree(remote)
    remote.write_text("a file stands where the folder belongs")

    with pytest.raises(PlatformError, match="could not push"):
        resolve(study)


def test_quick_version_sees_a_change_and_writes_nothing(study):
    recorded = recorded_md5(study)
    started = time.monotonic()
    unchanged = quick_version(study)
    seconds = time.monotonic() - started
    (study / "data" / "dataset.json").write_text("changed")

    assert unchanged == recorded
    assert quick_version(study) not in {recorded, None}
    assert recorded_md5(study) == recorded
    assert seconds < 2


def test_file_md5s_lists_each_file(study):
    listed = file_md5s(study)

    assert set(listed) == {
        "dataset.json",
        *(f"images/P{number}/arterial.nii.gz" for number in range(3)),
    }
    assert listed["dataset.json"] == "99914b932bd37a50b983c5e7c90ae93b"


def test_an_unpacked_archive_without_git_still_resolves(study):
    settings = study / ".dvc" / "config"
    settings.write_text(settings.read_text().replace("    no_scm = True\n", ""))

    assert resolve(study).source == "workspace"


def test_a_remote_s_whole_copy_makes_an_older_cached_version_dispensable(study):
    older = remote_object(study, "dataset.json")
    (study / "data" / "dataset.json").write_text('{"name": "other"}')
    first = recorded_md5(study)
    resolve(study)

    unused = unused_cache(study, set())
    assert sorted(path.read_text()[:2] for path in unused if path.suffix != ".dir") == ["{}"]
    assert unused_cache(study, {first}) == []
    older.unlink()
    assert [path.suffix for path in unused_cache(study, set())] == [".dir"]
