"""No identity comes through: everything is imported and retrained, and everything is searched."""

import os
import subprocess

import pytest
import yaml

from components.intake.identity_scan import list_files, scan_files
from components.intake.identity_scan_words import Word, read_words
from components.platform.data_version import init_study
from flows.settings import PROTOCOLS
from tests.faults.canaries import write_canaries
from tests.flows.conftest import ARMWISE

KEY = "canaries-of-the-tests-0123456789abcdef"
N_PATIENTS = 32


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    return write_canaries(tmp_path_factory.mktemp("ward") / "export", N_PATIENTS)


@pytest.fixture(scope="module")
def words(hospital, tmp_path_factory):
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("\n".join(hospital.words), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """An empty study with a protocol of one small network."""
    folder = tmp_path_factory.mktemp("canaries") / "study"
    folder.mkdir()
    init_study(folder, remote=folder / ".armwise" / "dvc-remote")
    protocol = yaml.safe_load((PROTOCOLS / "smoke.yaml").read_text())
    protocol["backbone"]["names"] = ["resnet18"]
    protocol["clinical"]["predictors"] = {
        arm: ["cirrhosis", "tumor_diameter_cm"] for arm in ("hepatectomy", "tace")
    }
    protocol["clinical"]["ridge_penalties"] = [8]
    protocol["evaluation"] |= {"minimum_events_before": 1, "minimum_at_risk_after": 1}
    protocol["evaluation"]["baselines"]["stage"] = ["bclc_stage"]
    (folder / "small.yaml").write_text(yaml.safe_dump(protocol))
    return folder


@pytest.fixture(scope="module")
def say(study):
    """Runs a command in the study; what it prints lies in the study and is searched as well."""

    def run(*arguments):
        environment = {k: v for k, v in os.environ.items() if k[:7] != "PREFECT"}
        done = subprocess.run(
            [ARMWISE, *map(str, arguments)],
            cwd=study,
            env={**environment, "ARMWISE_STUDY_KEY": KEY},
            capture_output=True,
            text=True,
            timeout=1500,
            check=False,
        )
        (study / "said").mkdir(exist_ok=True)
        said = done.stdout + done.stderr
        (study / "said" / f"{arguments[0]}.txt").write_text(said)
        assert "Traceback" not in said, said
        return done

    return run


@pytest.fixture(scope="module")
def imported(hospital, say, study):
    done = say("import", hospital.root, "--mapping", hospital.mapping_path)
    assert done.returncode == 0, done.stdout + done.stderr
    return study


def found_in(folder, words, leave_out=()):
    """The words of the list that stand anywhere in a folder, and what could not be looked into."""
    listed = read_words(words)
    listing = list_files([folder], listed, root=folder, leave_out=leave_out)
    done = scan_files(listing, listed, root=folder)
    return {one.label for one in done.found}, done.unread, list(map(str, done.found))


def test_every_canary_stands_in_the_hospitals_folder(hospital, words):
    found, unread, _ = found_in(hospital.root, words)
    listed = {word.label for word in read_words(words)}
    assert listed - found == set()
    assert len(unread) <= 8  # what was spoiled on purpose


def test_no_canary_comes_through_the_import(imported, words, hospital):
    key = imported / ".armwise" / "import_key.csv"
    found, unread, told = found_in(imported, words, leave_out=[key])
    assert found == set(), told[:20]
    assert unread == []
    assert found_in(key.parent, words)[0] >= {f"line {1 + 8 * n} of the words" for n in range(4)}
    assert len(list((imported / "data" / "images").iterdir())) == N_PATIENTS - len(hospital.bad)
    reasons = (imported / "said" / "import.txt").read_text()
    assert "4 set aside" in reasons


@pytest.mark.slow
def test_no_canary_reaches_caches_logs_databases_and_artifacts(imported, words, say):
    for command in ("split", "validate", "retrain"):
        done = say(command, "--protocol", "small.yaml")
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    home = imported / ".armwise"
    for place in ("mlflow.db", "prefect", "results", "logs", "mlartifacts"):
        assert (home / place).exists()
    key = home / "import_key.csv"
    found, unread, told = found_in(imported, words, leave_out=[key])
    assert found == set(), told[:20]
    assert unread == []
    done = say("scan", "--words", words)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr


def test_the_scanner_would_have_seen_a_canary_in_that_home(imported, words, hospital):
    """A log line with a name, written where the platforms write: the proof above can fail."""
    log = imported / ".armwise" / "logs" / "planted.log"
    log.parent.mkdir(exist_ok=True)
    log.write_text(f"reading {hospital.people[3].folder} failed\n")
    try:
        key = imported / ".armwise" / "import_key.csv"
        assert len(found_in(imported, words, leave_out=[key])[0]) == 2
    finally:
        log.unlink()


def test_words_of_the_list_are_told_by_line_alone(words):
    listed = read_words(words)
    assert all(isinstance(word, Word) and word.text not in word.label for word in listed)
