"""A study laid out by `armwise init`, and what a user meets who types the next commands there."""

import shutil
import subprocess

import pandas as pd
import pytest
import yaml

from components.errors import UsageError
from components.study.protocol import read_protocol
from flows.new_study import protocol_copy
from flows.settings import PROTOCOLS, Settings
from tests.flows.conftest import armwise


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("init") / "Liver Study"
    done = armwise("init", str(folder), "--title", 'The "liver" study', study=folder.parent)
    assert done.returncode == 0, done.stderr
    return folder


def test_a_study_has_all_it_needs_and_an_empty_data_folder(study):
    kept = {path.name for path in study.iterdir()}
    assert kept >= {"armwise.toml", "protocol.yaml", "data", ".dvc", ".gitignore", "README.md"}
    assert list((study / "data").iterdir()) == []
    config = (study / ".dvc" / "config").read_text()
    assert "url = ../.armwise/dvc-remote" in config
    assert "verify = True" in config
    assert (study / ".armwise" / "dvc-remote").is_dir()
    assert "$" not in (study / "README.md").read_text().replace("$ armwise", "")


def test_the_protocol_is_the_study_s_own_and_keeps_its_comments(study):
    protocol = read_protocol(study / "protocol.yaml")
    assert protocol.study.study_id == "liver-study"
    assert protocol.study.title == 'The "liver" study'
    text = (study / "protocol.yaml").read_text()
    assert text.startswith((PROTOCOLS / "sound.yaml").read_text().splitlines()[0])
    assert Settings(study_dir=study).protocol_path == study.resolve() / "protocol.yaml"


@pytest.mark.parametrize("name", sorted(path.stem for path in PROTOCOLS.glob("*.yaml")))
def test_every_protocol_can_be_copied_and_changes_in_name_and_report_alone(name):
    source = PROTOCOLS / f"{name}.yaml"
    text = protocol_copy(source, study_id="own", title="Own: a study")
    before, after = yaml.safe_load(source.read_text()), yaml.safe_load(text)
    assert (after["study"]["study_id"], after["study"]["title"]) == ("own", "Own: a study")
    assert set(after["report"].values()) == {"To be filled in."}
    for one in (before, after):
        del one["study"]["study_id"], one["study"]["title"], one["report"]
    assert after == before
    comments = [line for line in source.read_text().splitlines() if line.startswith("#")]
    assert all(line in text.splitlines() for line in comments)


def test_an_id_that_cannot_be_one_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"study\.study_id: .*came 'Own Study'"):
        protocol_copy(PROTOCOLS / "sound.yaml", study_id="Own Study", title="x")
    done = armwise("init", str(tmp_path / "s"), "--study-id", "Own Study", study=tmp_path)
    assert done.returncode == 2
    assert not (tmp_path / "s").exists()


def test_nothing_is_laid_over_somebody_s_files(tmp_path):
    (tmp_path / "kept.txt").write_text("mine")
    done = armwise("init", str(tmp_path), study=tmp_path)
    assert done.returncode == 2
    assert "holds files" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["kept.txt"]


@pytest.mark.parametrize("command", ["retrain", "validate"])
def test_a_study_without_data_is_one_message(study, command, tmp_path):
    for folder, named in ((study, ()), (tmp_path, ("--study-dir", str(study)))):
        done = armwise(command, *named, study=folder)
        assert done.returncode == 3, done.stdout + done.stderr
        assert done.stderr.count("\n") == 1
        assert "clinical.parquet" in done.stderr
        assert str(study / "data") in done.stderr


def test_git_takes_no_patient_data_and_no_store(study):
    git = ["git", "-C", str(study)]
    subprocess.run([*git, "init", "-q"], check=True)
    (study / "data" / "clinical.parquet").write_text("a patient")
    (study / ".armwise" / "mlflow.db").write_text("a store")
    try:
        listed = subprocess.run(
            [*git, "ls-files", "--others", "--exclude-standard"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
    finally:
        (study / "data" / "clinical.parquet").unlink()
    expected = {".dvc/config", ".dvcignore", ".gitignore", "README.md", "armwise.toml"}
    assert set(listed) == expected | {"protocol.yaml"}


def test_the_split_is_drawn_once_as_the_protocol_says(study, made_study):
    for name in ("dataset.json", "clinical.parquet"):
        shutil.copy(made_study / "data" / name, study / "data" / name)
    try:
        done = armwise("split", study=study)
        assert done.returncode == 0, done.stderr
        drawn = pd.read_parquet(study / "data" / "split.parquet").set_index("patient_id")["split"]
        arm = pd.read_parquet(study / "data" / "clinical.parquet").set_index("patient_id")["arm"]
        n_test = (drawn == "test").groupby(arm).sum()
        assert n_test.to_dict() == {"hepatectomy": round(70 * 0.25), "tace": 10}
        again = armwise("split", study=study)
        assert again.returncode == 2
        assert "nobody moves" in again.stderr
    finally:
        for path in (study / "data").iterdir():
            path.unlink()
