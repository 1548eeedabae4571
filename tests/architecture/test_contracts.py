"""The house's rules hold: import contracts, names, sizes, formats."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for top in ("components", "flows") for path in (ROOT / top).rglob("*.py"))


def test_the_import_contracts_hold():
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-logo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_is_small_and_has_a_telling_name(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 330
    assert path.stem not in {"utils", "helpers", "common", "misc"}


def test_nothing_is_unpickled():
    forbidden = re.compile(
        r"pickle\.load|joblib\.load|cloudpickle|weights_only\s*=\s*False|yaml\.load\(|allow_pickle\s*=\s*True"
    )
    guilty = [path.name for path in SOURCES if forbidden.search(path.read_text(encoding="utf-8"))]
    assert not guilty


def test_the_lock_names_no_registry():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert all("==" in line for line in lock.splitlines() if line and not line.startswith("#"))


def test_starting_the_command_line_imports_no_platform():
    code = "import sys, flows.cli; print(*sorted(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"torch", "ray", "prefect", "mlflow", "dvc", "great_expectations", "pandas", "sksurv"}
    assert not heavy & set(done.stdout.split())


def test_every_module_says_what_it_is():
    silent = [str(p) for p in SOURCES if not ast.get_docstring(ast.parse(p.read_text("utf-8")))]
    assert not silent
