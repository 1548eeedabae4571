"""How a damaged folder is imported and judged, and what a message of it must hold."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from components.cohort.clinical_table import read_clinical
from components.cohort.dataset import Dataset, read_table
from components.errors import ArmwiseError
from components.intake.importing import ImportRequest, import_cohort, require_any
from components.intake.mapping import read_mapping
from components.intake.pseudonyms import Pseudonyms
from components.platform.data_quality import validate_clinical, validate_manifest
from components.study.protocol import read_protocol
from flows.settings import PROTOCOLS
from tests.faults.hospital import Hospital

KEY = "a key of the tests, long enough to be one"
ARMS = ("hepatectomy", "tace")


@dataclass(frozen=True)
class Case:
    """A kind of damage at a place, and the words that tell it.

    `patient` is the position of the one who is set aside; None: the whole import is refused.
    `field` is the column of the sheet or the role of the file that the message must name; `gate`
    says that the validation gate finds it, not the import.
    """

    kind: str
    place: str
    damage: Callable[[Hospital], None]
    field: str
    phrase: str
    patient: int | None = None
    also: tuple[int, ...] = ()
    gate: bool = False

    @property
    def name(self) -> str:
        """How the test is called."""
        return f"{self.kind}-{self.place}".replace(" ", "_")


@dataclass
class Verdict:
    """What was said of whom: reasons by pseudonym, what refused everything, what was noted."""

    reasons: dict[str, str] = field(default_factory=dict)
    refused: str | None = None
    notes: tuple[str, ...] = ()
    patients: frozenset[str] = frozenset()


def pseudonym(hospital: Hospital, place: int) -> str:
    """What stands for a patient of the hospital."""
    return Pseudonyms(KEY).of(hospital.ids[place])


def judge(hospital: Hospital, study: Path, *, gate: bool = False) -> Verdict:
    """Imports the folder and, where asked, has the validation gate judge what came of it."""
    verdict = Verdict()
    try:
        mapping = read_mapping(hospital.mapping_path)
        request = ImportRequest(
            source=hospital.root,
            mapping=mapping,
            data=study / "data",
            home=study / ".armwise",
            study_key=KEY,
        )
        result = require_any(import_cohort(request))
    except ArmwiseError as error:
        verdict.refused = str(error)
        return verdict
    for one in result.findings.quarantined:
        _add(verdict, one.patient_id, one.reason)
    verdict.notes = result.findings.notes
    verdict.patients = frozenset(read_clinical(Dataset(study / "data"), predictors=()).index)
    if gate:
        _ask_the_gate(verdict, Dataset(study / "data"), with_images=mapping.images is not None)
    return verdict


def _ask_the_gate(verdict: Verdict, dataset: Dataset, *, with_images: bool) -> None:
    protocol = read_protocol(PROTOCOLS / "sound.yaml")
    table = read_clinical(dataset, predictors=())
    predictors = ("bclc_stage", "albi_grade")
    clinical = validate_clinical(
        table, protocol.cohort, predictors=predictors, arms=ARMS, codebook=dataset.codebook()
    )
    reports = [clinical]
    if with_images:
        manifest = read_table(dataset.manifest_path)
        reports.append(validate_manifest(manifest, protocol.cohort, patient_ids=list(table.index)))
    for report in reports:
        for one in report.quarantined:
            _add(verdict, one.patient_id, one.reason)
        if report.stopped_by:
            verdict.refused = "; ".join(report.stopped_by)


def _add(verdict: Verdict, patient: str, reason: str) -> None:
    before = verdict.reasons.get(patient)
    verdict.reasons[patient] = reason if before is None else f"{before}; {reason}"


def check(case: Case, hospital: Hospital, verdict: Verdict) -> None:
    """The message names patient, field and fault; nobody else is lost, no identity is told."""
    if case.patient is None:
        assert verdict.refused is not None, verdict.reasons
        said = verdict.refused
    else:
        assert verdict.refused is None, verdict.refused
        hurt = {pseudonym(hospital, place) for place in (case.patient, *case.also)}
        assert set(verdict.reasons) == hurt
        said = verdict.reasons[pseudonym(hospital, case.patient)]
    assert case.field in said
    assert case.phrase in said
    told = " ".join([said, *verdict.reasons.values(), *verdict.notes])
    assert "Traceback" not in told
    assert "Zhang" not in told
    assert not any(one in told for one in hospital.ids)


def without_images(hospital: Hospital) -> None:
    """Takes the images out of the mapping: the sheet alone is judged, which is quick."""
    content = yaml.safe_load(hospital.mapping_path.read_text(encoding="utf-8"))
    content.pop("images")
    hospital.write_mapping(content)
