"""How much room a run of a protocol takes, from its own numbers."""

from pathlib import Path

from components.study.protocol import Protocol
from components.study.results import Record

GIB = 2.0**30

_WEIGHTS_MIB = {"resnet18": 44.7, "resnet50": 94.4, "densenet121": 28.0}
"""Of a backbone without its classifier, float32."""

_STATE_FACTOR = 3
"""A trial that goes on keeps its optimizer's two moments beside the weights."""

_STORES_GIB = 0.5
"""Models, report, databases and logs of one retraining."""

_PLATFORMS_GIB = 2.0
"""Memory of Ray's processes, Prefect, and the process of the flow."""

_TRIAL_GIB = 1.5
"""Memory of a worker with torch and a network in training."""


class Needs(Record):
    """GiB that a run takes at most on disk in home, in the study's folder, and in memory."""

    home: float
    study: float
    memory: float


def needs_of(
    protocol: Protocol, *, data: Path, data_is_kept: bool, n_patients: int, cores: int
) -> Needs:
    """The room for one retraining.

    Args:
        protocol: The science.
        data: The folder of the cohort.
        data_is_kept: Its version lies in DVC's cache and remote already.
        n_patients: With images.
        cores: Of this machine.
    """
    search, px, slices = protocol.search, protocol.imaging.crop_px, protocol.imaging.slices
    weights = sum(_WEIGHTS_MIB[name] for name in protocol.backbone.names) / 1024
    states = weights * _STATE_FACTOR * search.folds * search.configurations
    crops = n_patients * slices * 3 * px * px * 4 / GIB
    # Twice: once in the cache, once in the remote.
    copies = 0.0 if data_is_kept else 2 * folder_bytes(data) / GIB
    trials = max(1, int(cores / search.cpus_per_trial))
    return Needs(
        home=states + crops + _STORES_GIB,
        study=copies,
        memory=_PLATFORMS_GIB + _TRIAL_GIB * trials,
    )


def folder_bytes(folder: Path) -> int:
    """The bytes of all files below a folder; links are not followed."""
    if not folder.is_dir():
        return 0
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
