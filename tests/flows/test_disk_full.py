"""The disk full in the cache folder: a real one of half a megabyte."""

import shutil
import subprocess

import numpy as np
import pytest

from components.cohort.dataset import Dataset
from components.errors import PlatformError
from components.platform.data_version import file_md5s
from components.study.protocol import read_protocol
from flows.cli.running import understood
from flows.settings import Settings
from flows.tasks.crops import crop_rois
from tests.flows.conftest import armwise

pytestmark = [
    pytest.mark.root,
    # The configuration library below DVC asks its own parser in a way that it will give up.
    pytest.mark.filterwarnings("ignore:_NoneStep.value will soon:DeprecationWarning"),
]


class SmallDisk:
    def __init__(self, folder):
        self.folder = folder

    def grow(self):
        subprocess.run(["mount", "-o", "remount,size=50m", self.folder], check=True)

    def files(self):
        return sorted(path for path in self.folder.rglob("*") if path.is_file())


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 512 KiB where the crops belong; only root may mount one."""
    folder = tmp_path / "study" / ".armwise" / "crops"
    folder.mkdir(parents=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", folder], check=False)
    if done.returncode:
        pytest.skip("mounting a small disk needs root")
    yield SmallDisk(folder)
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def study(small_disk, made_study, tmp_path):
    folder = tmp_path / "study"
    for name in ("data", ".dvc"):
        shutil.copytree(made_study / name, folder / name)
    shutil.copy(made_study / "data.dvc", folder / "data.dvc")
    return folder


def crop(study, key):
    dataset = Dataset(study / "data")
    settings = Settings(study_dir=study, protocol="smoke")
    with understood(settings):
        return crop_rois.fn(
            "crops",
            key,
            dataset=dataset,
            section=read_protocol(settings.protocol_path).imaging,
            patient_ids=sorted(path.name for path in (dataset.root / "images").iterdir()),
            file_md5s=file_md5s(study),
            folder=settings.home_path / "crops",
        )


def test_a_full_disk_is_one_message_and_leaves_nothing_half_written(study, small_disk):
    with pytest.raises(PlatformError, match=r"the disk of .*\.armwise/crops.* is full") as refusal:
        crop(study, "a")
    assert refusal.value.exit_code == 4
    assert "MiB are free" in str(refusal.value)
    kept = small_disk.files()
    assert kept
    assert all(path.suffix == ".npy" and np.load(path).shape == (3, 32, 32) for path in kept)
    made = {path: path.stat().st_mtime_ns for path in kept}
    small_disk.grow()
    result = crop(study, "a")
    assert len(result["crops"]) == 110
    assert {path: path.stat().st_mtime_ns for path in kept} == made, "what was there was kept"


@pytest.mark.campaign
def test_the_command_stops_and_goes_on(study, small_disk):
    done = armwise("validate", "--protocol", "smoke", study=study)
    assert done.returncode == 4, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1
    assert str(small_disk.folder) in done.stderr
    assert not [path for path in small_disk.files() if path.suffix != ".npy"]
    small_disk.grow()
    done = armwise("validate", "--protocol", "smoke", study=study)
    assert done.returncode == 0, done.stdout + done.stderr
