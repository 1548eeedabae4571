"""The running installation as a wheel."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from components.platform.package import build_wheel, installed_version


def test_the_same_code_gives_the_same_bytes(tmp_path):
    first = build_wheel(tmp_path / "a").read_bytes()
    second = build_wheel(tmp_path / "b").read_bytes()

    assert hashlib.sha256(first).digest() == hashlib.sha256(second).digest()


def test_the_wheel_holds_packages_their_data_and_metadata(tmp_path):
    path = build_wheel(tmp_path)
    names = set(zipfile.ZipFile(path).namelist())
    info = f"armwise-{installed_version()}.dist-info"

    assert path.name == f"armwise-{installed_version()}-py3-none-any.whl"
    assert {"components/errors.py", "flows/protocols/demo.yaml"} <= names
    assert {f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"} <= names
    assert f"{info}/entry_points.txt" in names
    assert not [name for name in names if "__pycache__" in name or "direct_url" in name]


def test_pip_installs_it_and_the_installed_wheel_builds_itself_again(tmp_path):
    path = build_wheel(tmp_path / "first")
    target = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet",
         "--disable-pip-version-check", "--root-user-action=ignore", "--no-compile",
         "--target", str(target), str(path)],
        check=True, timeout=120,
    )  # fmt: skip
    script = (
        "import sys, pathlib; from components.platform import package; "
        "assert package.__file__.startswith(sys.argv[1]), package.__file__; "
        "package.build_wheel(pathlib.Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(target), str(tmp_path / "second")],
        check=True, timeout=120, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(target)},
    )  # fmt: skip

    again = next(Path(tmp_path / "second").glob("*.whl"))
    assert again.read_bytes() == path.read_bytes()
