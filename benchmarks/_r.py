"""Running R where it is installed; where it is not, a plain message and the exit status 2."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def r_lines(script: str, *arguments: object) -> list[str]:
    """What an R script prints, line by line, given its text and its arguments."""
    if shutil.which("Rscript") is None:
        print(
            "expected Rscript to compare with, found none; Debian: apt-get install r-base-core "
            "r-cran-survival r-cran-glmnet"
        )
        sys.exit(2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.R"
        path.write_text(script, encoding="utf-8")
        command = ["Rscript", str(path), *map(str, arguments)]
        run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        print(f"R ended with status {run.returncode}:\n{run.stderr}")
        sys.exit(2)
    return run.stdout.splitlines()
