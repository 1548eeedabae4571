"""The built wheel, installed into an empty environment elsewhere, does the whole job without us."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from components.nomogram.nomogram import Nomogram
from components.platform.model_version import nomogram_name
from flows.record import RunRecord
from tests.flows.served_model import a_patient, ask, serving
from tests.flows.tables import write_tables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

CLONE = Path(__file__).resolve().parents[2]
UV = Path(sys.executable).with_name("uv")

# Each Python of the new environment, Ray's workers too, writes down what it opens in the clone.
WATCH = """
import os, sys
def _watch(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        path = os.fsdecode(arguments[0])
        if path.startswith({clone!r} + os.sep):
            descriptor = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, (path + os.linesep).encode())
            os.close(descriptor)
sys.addaudithook(_watch)
"""


@dataclass(frozen=True)
class Installation:
    """An environment with the wheel in it; `opened` fills up with what it opens in the clone."""

    environment: Path
    opened: Path

    @property
    def programs(self):
        return self.environment / "bin"

    def run(self, *arguments, cwd):
        done = subprocess.run(
            [self.programs / arguments[0], *map(str, arguments[1:])],
            cwd=cwd,
            env=self.variables(),
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def variables(self):
        """The least that a user has: nothing that leads to the clone."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        return {**kept, "PATH": f"{self.programs}:/usr/bin:/bin"}


def record_of(folder):
    """What the one run in a folder left behind."""
    (path,) = (folder / ".armwise" / "finished").glob("*.json")
    return RunRecord.from_json(path.read_bytes())


def uv(*arguments):
    done = subprocess.run(
        [UV, *map(str, arguments)], cwd=CLONE, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def installation(tmp_path_factory):
    """The wheel with what it needs, at the locked versions, and no development tool."""
    folder = tmp_path_factory.mktemp("installed")
    uv("build", "--wheel", "--out-dir", folder / "wheel")
    (wheel,) = (folder / "wheel").glob("*.whl")
    environment = folder / "environment"
    uv("venv", environment, "--python", sys.executable)
    python = environment / "bin" / "python"
    uv("pip", "install", "--python", python, "--constraint", CLONE / "requirements.lock", wheel)
    made = Installation(environment, folder / "opened-in-clone.txt")
    (packages,) = (environment / "lib").glob("python3*/site-packages")
    watch = WATCH.format(clone=str(CLONE), log=str(made.opened))
    (packages / "armwise_watch.py").write_text(watch)
    (packages / "armwise_watch.pth").write_text("import armwise_watch\n")
    return made


@pytest.fixture(scope="module")
def study(installation, tmp_path_factory):
    """A study that the installed wheel made and retrained."""
    folder = tmp_path_factory.mktemp("elsewhere")
    installation.run("armwise", "demo", "study", "--hepatectomy", "70", "--tace", "40", cwd=folder)
    installation.run("armwise", "retrain", "--protocol", "smoke", cwd=folder / "study")
    return folder / "study"


def test_the_environment_holds_the_wheel_and_no_development_tool(installation, tmp_path):
    code = (
        "import components, flows, importlib.util as u, json;"
        "tools = [n for n in ('pytest', 'ruff', 'mypy', 'hypothesis') if u.find_spec(n)];"
        "print(json.dumps([components.__file__, flows.__file__, tools]))"
    )
    *files, tools = json.loads(installation.run("python", "-c", code, cwd=tmp_path))
    assert all(Path(file).is_relative_to(installation.environment) for file in files)
    assert tools == []


def test_the_watch_sees_what_is_opened_in_the_clone(installation, tmp_path):
    log = installation.opened
    code = f"open({str(CLONE / 'pyproject.toml')!r}).close()"
    installation.run("python", "-c", code, cwd=tmp_path)
    assert log.read_text() == f"{CLONE / 'pyproject.toml'}\n"
    log.unlink()


def test_a_study_of_ones_own_is_laid_out(installation, tmp_path):
    installation.run("armwise", "init", "mine", cwd=tmp_path)
    assert (tmp_path / "mine" / "armwise.toml").is_file()


def test_tables_are_fitted(installation, tmp_path):
    paths = write_tables(tmp_path)
    options = [part for name, path in paths.items() for part in (f"--{name}", path)]
    installation.run("armwise", "fit-arms", *options, "--protocol", "smoke", cwd=tmp_path)
    assert Path(record_of(tmp_path).facts["report"]).is_file()
    assert len(list(tmp_path.glob(".armwise/steps/nomograms-*/nomogram-*.svg"))) == 2


def test_the_retraining_leaves_everything_and_its_models_answer(installation, study):
    record = record_of(study)
    assert Path(record.facts["report"]).is_file()
    (path,) = (study / ".armwise" / "steps").glob("nomograms-*/*hepatectomy.json")
    nomogram = Nomogram.from_json(path.read_bytes())
    model = f"models:/armwise-nomogram-hepatectomy/{record.versions[nomogram_name(nomogram.arm)]}"
    with serving(
        installation.programs / "armwise",
        model,
        study=study,
        environment=installation.variables(),
    ) as port:
        status, text = ask(port, a_patient(nomogram))
    assert status == 200, text
    (answer,) = json.loads(text)["predictions"]
    assert answer["total_points"] == pytest.approx(sum(answer["points"].values()))


def test_nothing_of_it_came_from_the_clone(installation, study):
    assert not installation.opened.exists(), installation.opened.read_text()
