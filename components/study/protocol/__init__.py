"""The protocol: the science of a run as one frozen, complete configuration."""

import hashlib
import json
from collections.abc import Sequence
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError, model_validator

from components.errors import UsageError
from components.study.faults import fault_text
from components.study.protocol.backbone import BackboneSection
from components.study.protocol.base import Section
from components.study.protocol.clinical import (
    ClinicalSection,
    ImputationSection,
    TwoStepSelection,
)
from components.study.protocol.cohort import CohortSection
from components.study.protocol.eligibility import EligibilitySection
from components.study.protocol.evaluation import (
    BaselinesSection,
    EvaluationSection,
    NestedNetworksSection,
    NestedSection,
)
from components.study.protocol.imaging import ImagingSection
from components.study.protocol.label import LabelSection
from components.study.protocol.nomogram import NomogramSection
from components.study.protocol.promotion import PromotionSection
from components.study.protocol.radiomics import RadiomicsSection, StabilitySection
from components.study.protocol.report import ReportSection
from components.study.protocol.search import SearchSection, SearchSpace
from components.study.protocol.signature import SignatureSection
from components.study.protocol.split import SplitSection
from components.study.protocol.study import StudySection

__all__ = [
    "BackboneSection",
    "BaselinesSection",
    "ClinicalSection",
    "CohortSection",
    "EligibilitySection",
    "EvaluationSection",
    "ImagingSection",
    "ImputationSection",
    "LabelSection",
    "NestedNetworksSection",
    "NestedSection",
    "NomogramSection",
    "PromotionSection",
    "Protocol",
    "RadiomicsSection",
    "ReportSection",
    "SearchSection",
    "SearchSpace",
    "SignatureSection",
    "SplitSection",
    "StabilitySection",
    "StudySection",
    "TwoStepSelection",
    "read_protocol",
]


_DENSENET_PX = 32


class Protocol(Section):
    """Every choice that can change a number. A file is complete: nothing is inherited."""

    profile: Literal["sound", "paper"]
    study: StudySection
    cohort: CohortSection
    eligibility: EligibilitySection
    split: SplitSection
    label: LabelSection
    imaging: ImagingSection
    search: SearchSection
    backbone: BackboneSection
    radiomics: RadiomicsSection | None = None
    signature: SignatureSection
    clinical: ClinicalSection
    evaluation: EvaluationSection
    nomogram: NomogramSection
    promotion: PromotionSection
    report: ReportSection

    @model_validator(mode="after")
    def _arms_are_served(self) -> "Protocol":
        missing = [arm.value for arm in self.study.arms if arm not in self.clinical.predictors]
        if missing:
            msg = f"clinical.predictors: expected a set for each arm, none for {', '.join(missing)}"
            raise ValueError(msg)
        counted = self.split.test_patients or {}
        foreign = [arm.value for arm in counted if arm not in self.study.arms]
        if foreign:
            msg = f"split.test_patients: expected arms of study.arms, came {', '.join(foreign)}"
            raise ValueError(msg)
        return self

    @model_validator(mode="after")
    def _networks_can_be_trained(self) -> "Protocol":
        warmup, last = self.backbone.warmup_epochs, self.search.rungs[-1]
        if warmup >= last:
            msg = (
                f"backbone.warmup_epochs: expected fewer than the last of search.rungs {last}, "
                f"came {warmup:g}"
            )
            raise ValueError(msg)
        nested = self.evaluation.nested_networks
        if nested is not None and nested.epochs is not None and warmup >= nested.epochs:
            msg = (
                "evaluation.nested_networks.epochs: expected more than backbone.warmup_epochs "
                f"{warmup:g}, came {nested.epochs}"
            )
            raise ValueError(msg)
        crop_px = self.imaging.crop_px
        if "densenet121" in self.backbone.names and crop_px < _DENSENET_PX:
            msg = (
                f"imaging.crop_px: expected at least {_DENSENET_PX} with densenet121, which halves "
                f"an image five times, came {crop_px}"
            )
            raise ValueError(msg)
        return self

    def hash(self, parts: Sequence[str] | None = None) -> str:
        """The first 16 digits of the SHA-256 of the protocol, or of some parts of it.

        A part is a section, such as `search`, or one of its fields, such as `search.folds`.
        """
        content: Any = self.model_dump(mode="json")
        if parts is not None:
            content = {part: reduce(getitem, part.split("."), content) for part in parts}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_protocol(path: Path) -> Protocol:
    """The protocol in a YAML file.

    Raises:
        UsageError: The file is missing, is no YAML, or holds an unknown key or a bad value.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, IsADirectoryError):
        msg = f"expected a protocol file at {path}, found none"
        raise UsageError(msg) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"{path}: expected YAML text: {error}"
        raise UsageError(msg) from None
    try:
        return Protocol.model_validate(content)
    except ValidationError as error:
        msg = f"{path}: {'; '.join(fault_text(one, whole='protocol') for one in error.errors())}"
        raise UsageError(msg) from None
