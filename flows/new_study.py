"""A new study laid out in a folder of its own: settings, protocol, empty data, DVC, a README."""

import json
import re
from pathlib import Path
from string import Template
from typing import Any

import yaml

from components.cohort.dataset import DatasetCard
from components.cohort.schema import MANIFEST_COLUMNS, PREDICTORS, RULE_COLUMNS
from components.errors import UsageError
from components.platform.data_version import init_study
from components.study.protocol import Protocol, read_protocol
from components.study.vocabulary import DataOrigin
from flows.settings import Settings

TEMPLATE = Path(__file__).parent / "study_template"
PROTOCOL_FILE = "protocol.yaml"

_TO_FILL_IN = "To be filled in."


def require_new(folder: Path) -> None:
    """Refuses to lay anything over somebody's files.

    Raises:
        UsageError: The folder holds files, or is no folder.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        msg = f"expected a new or empty folder, {folder} holds files; name another one"
        raise UsageError(msg)


def lay_out(folder: Path, *, source: Path, study_id: str | None, title: str | None) -> Protocol:
    """Lays out a study and returns its protocol.

    Args:
        folder: New or empty.
        source: The protocol that is copied.
        study_id: Stands on every run and model; default: made of the folder's name.
        title: The report's title; default: the study's id.

    Raises:
        UsageError: The folder holds files, or the id cannot be one.
    """
    require_new(folder)
    own_id = study_id or _id_of(folder)
    own_title = title or own_id
    text = protocol_copy(source, study_id=own_id, title=own_title)
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / PROTOCOL_FILE).write_text(text, encoding="utf-8")
    (folder / ".gitignore").write_text(_template("gitignore"), encoding="utf-8")
    (folder / "armwise.toml").write_text(_template("armwise.toml"), encoding="utf-8")
    protocol = read_protocol(folder / PROTOCOL_FILE)
    (folder / "README.md").write_text(_readme(protocol, source.stem), encoding="utf-8")
    settings = Settings(study_dir=folder)
    settings.home_path.mkdir(mode=0o700, parents=True, exist_ok=True)
    init_study(settings.study_path, remote=settings.home_path / "dvc-remote")
    return protocol


def protocol_copy(source: Path, *, study_id: str, title: str) -> str:
    """A protocol's text, comments and all, with another id and title and its report to fill in.

    Raises:
        UsageError: The id cannot be one, or the file is written in a way that is not understood.
    """
    before = read_protocol(source).model_dump()
    text = source.read_text(encoding="utf-8")
    asked = {"study": {"study_id": study_id, "title": title}}
    asked["report"] = dict.fromkeys(before["report"], _TO_FILL_IN)
    for section, fields in asked.items():
        for field, value in fields.items():
            text = _with_value(text, section, field, value)
    try:
        found: dict[str, Any] = yaml.safe_load(text)
        after = Protocol.model_validate(found).model_dump()
    except (yaml.YAMLError, ValueError) as error:
        said = error.errors()[0] if hasattr(error, "errors") else {"loc": (), "msg": str(error)}
        where = ".".join(map(str, said["loc"])) or source.name
        msg = f"{where}: {said['msg']}, came '{study_id}'"
        raise UsageError(msg) from None
    expected = {**before, **{name: {**before[name], **part} for name, part in asked.items()}}
    if after != expected:
        msg = f"{source}: expected each field of `study` and `report` on one line of its own"
        raise UsageError(msg)
    return text


def _with_value(text: str, section: str, field: str, value: str) -> str:
    """The text with one field of a section set, on its own line."""
    pattern = rf"(?ms)^({section}:.*?^  {field}: )[^\n]*"
    written = json.dumps(value, ensure_ascii=False)
    return re.sub(pattern, lambda found: found[1] + written, text, count=1)


def _id_of(folder: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-")
    if not name:
        msg = f"no study id can be made of the folder's name {folder}; give one with --study-id"
        raise UsageError(msg)
    return name


def _template(name: str) -> str:
    return (TEMPLATE / name).read_text(encoding="utf-8")


def _readme(protocol: Protocol, source: str) -> str:
    card = DatasetCard(
        name=protocol.study.title,
        origin=DataOrigin.REAL,
        arms=protocol.study.arms,
        units={"tumor_diameter_cm": "cm", "os_days": "days"},
        description="Where these patients come from, in a sentence.",
    )
    return Template(_template("README.md")).substitute(
        title=protocol.study.title,
        study_id=protocol.study.study_id,
        protocol=source,
        card=json.dumps(card.model_dump(mode="json", exclude={"seed"}), indent=2),
        manifest=_listed(MANIFEST_COLUMNS[1:]),
        columns=_listed(PREDICTORS),
        rules=_listed(RULE_COLUMNS),
    )


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)
