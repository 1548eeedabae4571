"""The study: its protocol, its data, its weights files, its key."""

from collections.abc import Iterator

import pyarrow.parquet as pq

from components.cohort.dataset import Dataset
from components.errors import ArmwiseError
from components.networks.weight_files import checked_digest, starting_weights
from components.platform.data_version import recorded_md5
from components.platform.withdrawal_ledger import require_finished
from components.study.protocol import Protocol, read_protocol
from flows.doctor.finding import Finding, judged
from flows.settings import Settings


def examine_protocol(settings: Settings) -> tuple[Protocol | None, Finding]:
    """The protocol, where it can be read, and what is said of it."""
    try:
        protocol = read_protocol(settings.protocol_path)
    except ArmwiseError as error:
        return None, judged(
            "protocol", "missing", expected="a valid protocol", found=str(error),
            advice="correct the file; `armwise init` writes a whole one",
        )  # fmt: skip
    found = f"{settings.protocol_path.name}: {protocol.study.study_id}, profile {protocol.profile}"
    return protocol, judged("protocol", "ok", expected="a valid protocol", found=found)


def examine_study(settings: Settings, protocol: Protocol | None) -> Iterator[Finding]:
    """What a run reads."""
    yield _data(settings)
    if protocol is not None and protocol.backbone.weights != "random":
        yield _weights(protocol)
    yield _newcomers(settings)
    yield _withdrawal(settings)


def _withdrawal(settings: Settings) -> Finding:
    expected = "no withdrawal half done"
    try:
        require_finished(settings.home_path)
    except ArmwiseError as error:
        return judged("withdrawal", "missing", expected=expected, found=str(error))
    return judged("withdrawal", "ok", expected=expected, found="none")


def n_patients(settings: Settings) -> int:
    """The rows of the clinical table; 0 where it cannot be read."""
    try:
        return int(pq.read_metadata(Dataset(settings.data_path).clinical_path).num_rows)
    except (OSError, ValueError):
        return 0


def _data(settings: Settings) -> Finding:
    dataset = Dataset(settings.data_path)
    needed = (
        dataset.card_path, dataset.clinical_path, dataset.manifest_path, dataset.split_path,
        dataset.root / "images",
    )  # fmt: skip
    absent = [path.name for path in needed if not path.exists()]
    expected = f"a cohort in {settings.data_path}, or its version in data.dvc"
    if not absent:
        return judged("data", "ok", expected=expected, found=f"{n_patients(settings)} patients")
    if len(absent) == len(needed):
        try:
            recorded = recorded_md5(settings.study_path)
        except ArmwiseError as error:
            recorded, expected = None, str(error)
        if recorded is not None:
            found = f"version {recorded[:12]}, to be fetched"
            return judged("data", "ok", expected=expected, found=found)
    advice = "`armwise split` draws split.parquet; docs/reference/dataset.md says what the rest is"
    return judged(
        "data", "missing", expected=expected, found=f"no {', '.join(absent)}", advice=advice
    )


def _weights(protocol: Protocol) -> Finding:
    section = protocol.backbone
    named = [starting_weights(section, name) for name in section.names]
    files = [weights for weights in named if weights is not None]
    wrong = []
    for weights in files:
        try:
            checked_digest(weights)
        except ArmwiseError as error:
            wrong.append(str(error).split(";")[0])
    expected = f"{len(files)} files of weights, SHA-256 as {_stated(section.weights)}"
    if not wrong:
        return judged("weights", "ok", expected=expected, found=str(files[0].path.parent))
    advice = _weights_advice(section.weights, is_cache=not section.weights_dir)
    return judged("weights", "missing", expected=expected, found="; ".join(wrong), advice=advice)


def _stated(weights: str) -> str:
    return "in their names" if weights == "imagenet" else "in backbone.weights_files"


def _weights_advice(weights: str, *, is_cache: bool) -> str:
    if weights == "file":
        return "correct path and sha256 in backbone.weights_files"
    advice = (
        "put torchvision's files there, name their folder in backbone.weights_dir, or set "
        "backbone.weights to random"
    )
    fetched = "; a missing one is fetched where download.pytorch.org answers"
    return advice + fetched if is_cache else advice


def _newcomers(settings: Settings) -> Finding:
    dataset = Dataset(settings.data_path)
    expected = "every patient in split.parquet, or ARMWISE_STUDY_KEY"
    try:
        clinical, split = (
            {str(value) for value in pq.read_table(path, columns=["patient_id"])[0].to_pylist()}
            for path in (dataset.clinical_path, dataset.split_path)
        )
    except (OSError, ValueError, KeyError):
        return judged("study key", "ok", expected=expected, found="no split yet")
    newcomers = clinical - split
    if not newcomers or settings.study_key is not None:
        return judged("study key", "ok", expected=expected, found=f"{len(newcomers)} newcomers")
    found = f"{len(newcomers)} newcomers, {min(newcomers)} among them, and no key"
    return judged(
        "study key", "missing", expected=expected, found=found,
        advice="set ARMWISE_STUDY_KEY to the study's key",
    )  # fmt: skip
