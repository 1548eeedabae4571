"""Everything that a report shows, as one value: the records of a run and the facts about it."""

from dataclasses import dataclass, field

from components.arms.baseline_records import Baselines
from components.arms.optimism_records import Optimism
from components.arms.radiomics_records import FeatureStability, RadiomicsLabel
from components.arms.records import ArmModels
from components.arms.subgroup_records import SubgroupReport
from components.cohort.baseline import TableOne
from components.cohort.eligibility import Eligibility
from components.cohort.gate_records import ValidationReport
from components.cohort.label import LabelLedger
from components.cohort.missingness import Missingness
from components.networks.honesty_records import NetworkChecks
from components.networks.records import BackboneChoice, SearchResult
from components.nomogram.nomogram import Nomogram
from components.promotion.records import Decision, Evidence
from components.reporting.flow_diagram import PartCount
from components.reporting.heat_content import HeatContent
from components.reporting.records import DataSummary, Provenance, TestReading
from components.signature.nested_records import NestedSignature
from components.signature.report import SignatureReport
from components.study.protocol import Protocol
from components.study.results import Adaptation, Estimate, Quarantined
from components.study.vocabulary import DataOrigin, SignatureState, Split, TreatmentArm


@dataclass(frozen=True, kw_only=True)
class ReportContent:
    """The records of a run.

    Attributes:
        protocol_text: The protocol's file as it stands.
        parts: Patients and deaths by arm and split, as the models used them.
        gate: What the validation gate answered, a report a table.
        missing: Missing predictors of the patients studied; None where they were not looked at.
        follow_up: Median follow-up by arm (reverse Kaplan-Meier), days.
        readings: Every reading of the test patients so far, this run's last.
        search: The search of the backbones; None, as `choice`, where a run has no images.
        signature: None where no features were given.
        heat: Where the network looks; None where a run has no images.
        nested: What the features are worth; None where that was not judged.
        network_checks: What the search's figure is worth; None where a run has no images.
        optimism: None where the protocol asks for no resamples.
        subgroups: None where the protocol names none.
        radiomics: Features of the ROI beside the backbones; None where none were computed.
        radiomics_stability: None where the protocol asks for no stability.
        baselines: None where the protocol asks for none.
        evidence: None, as `decision`, where nothing was published.
        notes: What a reader must know of the tables that were read.
        mapping_text: The column mapping's file as it stands, where there is one.
    """

    protocol: Protocol
    protocol_text: str
    data: DataSummary
    provenance: Provenance
    eligibility: Eligibility
    quarantined: tuple[Quarantined, ...]
    parts: tuple[PartCount, ...]
    baseline: tuple[TableOne, ...]
    ledger: LabelLedger
    arms: tuple[ArmModels, ...]
    nomograms: dict[TreatmentArm, Nomogram]
    adaptations: tuple[Adaptation, ...]
    readings: tuple[TestReading, ...]
    gate: tuple[ValidationReport, ...] = ()
    missing: Missingness | None = None
    follow_up: dict[TreatmentArm, Estimate] = field(default_factory=dict)
    search: SearchResult | None = None
    choice: BackboneChoice | None = None
    signature: SignatureReport | None = None
    heat: HeatContent | None = None
    nested: NestedSignature | None = None
    network_checks: NetworkChecks | None = None
    optimism: Optimism | None = None
    subgroups: SubgroupReport | None = None
    radiomics: RadiomicsLabel | None = None
    radiomics_stability: FeatureStability | None = None
    baselines: Baselines | None = None
    evidence: Evidence | None = None
    decision: Decision | None = None
    notes: tuple[str, ...] = ()
    mapping_text: str | None = None

    @property
    def origin(self) -> DataOrigin:
        """Whether the patients exist."""
        return self.data.origin

    @property
    def is_synthetic(self) -> bool:
        """Whether the patients do not exist."""
        return self.data.origin is DataOrigin.SYNTHETIC

    @property
    def signature_state(self) -> SignatureState:
        """Whether the models have a signature."""
        return self.arms[0].signature

    def count(self, arm: TreatmentArm | None = None, split: Split | None = None) -> tuple[int, int]:
        """Patients and deaths of an arm, of a split, or of all."""
        chosen = [
            part
            for part in self.parts
            if (arm is None or part.arm == arm) and (split is None or part.split == split)
        ]
        return sum(part.n for part in chosen), sum(part.n_events for part in chosen)
