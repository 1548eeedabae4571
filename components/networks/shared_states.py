"""States of trials at a place that every node of a cluster sees, through fsspec.

A trial works in a folder of its own node; here its state goes to the shared place and comes from
it: weights first, then the JSON that names them, then the older weights go. So what lies there is
whole, whenever a node is lost.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec

from components.study.files import written_whole

_STATE = "state.json"


@dataclass(frozen=True)
class SharedStates:
    """The trials of one search below `url`: a folder, or a URL such as `s3://bucket/searches/x`.

    Whoever reads and writes needs the place's credentials in its own environment.
    """

    url: str

    def push(self, folder: Path, key: str) -> None:
        """Bring a trial's state to the shared place, with the weights that lie beside it."""
        files, root = self._open(f"trials/{key}")
        kept = [path for path in sorted(folder.glob("epoch-*")) if path.is_dir()]
        for weights in kept:
            files.makedirs(f"{root}/{weights.name}", exist_ok=True)
            for path in sorted(weights.iterdir()):
                files.put_file(str(path), f"{root}/{weights.name}/{path.name}")
        self._write(f"trials/{key}/{_STATE}", (folder / _STATE).read_bytes())
        for name in self._names(files, root):
            if name.startswith("epoch-") and name not in {path.name for path in kept}:
                files.rm(f"{root}/{name}", recursive=True)

    def fetch(self, folder: Path, key: str, *, with_weights: bool) -> None:
        """Bring a trial's state from the shared place, if there is one.

        What lies here alone is of a search that was taken up again after the shared place had been
        cleared; the same search makes the same states, so it goes there.
        """
        files, root = self._open(f"trials/{key}")
        if not files.exists(f"{root}/{_STATE}"):
            if (folder / _STATE).is_file():
                self.push(folder, key)
            return
        for name in self._names(files, root) if with_weights else ():
            if name.startswith("epoch-"):
                for file in self._names(files, f"{root}/{name}"):
                    (folder / name).mkdir(parents=True, exist_ok=True)
                    files.get_file(f"{root}/{name}/{file}", str(folder / name / file))
        with written_whole(folder / _STATE) as partial:
            partial.write_bytes(files.cat_file(f"{root}/{_STATE}"))

    def note(self, name: str, text: str) -> None:
        """Put a small file on record."""
        self._write(name, text.encode())

    def notes(self, folder: str) -> list[bytes]:
        """The small files of a folder."""
        files, root = self._open(folder)
        if not files.exists(root):
            return []
        names = [name for name in self._names(files, root) if name.endswith(".json")]
        return [files.cat_file(f"{root}/{name}") for name in names]

    def clear(self) -> None:
        """Remove the search from the shared place."""
        files, root = self._open("")
        if files.exists(root):
            files.rm(root, recursive=True)

    def _write(self, name: str, data: bytes) -> None:
        files, path = self._open(name)
        files.makedirs(path.rpartition("/")[0], exist_ok=True)
        partial = f"{path}.{os.getpid()}.part"
        files.pipe_file(partial, data)
        files.mv(partial, path)

    def _names(self, files: Any, path: str) -> list[str]:
        found = files.ls(path, detail=False) if files.exists(path) else []
        return [str(name).rstrip("/").rpartition("/")[2] for name in found]

    def _open(self, name: str) -> tuple[Any, str]:
        files, path = fsspec.core.url_to_fs(f"{self.url}/{name}".rstrip("/"))
        files.invalidate_cache()  # other nodes write there too
        return files, path
