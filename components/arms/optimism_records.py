"""What is known of the optimism of the models' figures."""

from typing import Literal

from pydantic import Field

from components.study.results import NOMOGRAM, Estimate, Record, estimate_metrics, metric_name
from components.study.vocabulary import ModelKind, TreatmentArm

LABEL = "conditional on the network"


class CorrectedFigure(Record):
    """A figure of a model as it looks in its own patients, and as it is to be expected in others.

    `apparent` is that of the run's model and signature in the patients that they were fitted on;
    `optimism` is what such a figure is too good by; `corrected` is the one minus the other.
    `plus_632` (of C alone) is the .632+ estimate. `n_resamples` gave the figure.
    """

    arm: TreatmentArm
    kind: ModelKind
    estimator: str
    apparent: Estimate
    optimism: Estimate
    corrected: Estimate
    plus_632: Estimate | None = None
    n_resamples: int


class Optimism(Record):
    """Optimism by bootstrap of the whole path from given features; `network` says what is not in.

    `n_null` resamples selected nothing; `failures` counts those that gave no model, by reason.
    """

    schema_: Literal["armwise.optimism/1"] = Field(default="armwise.optimism/1", alias="schema")
    n_resamples: int
    has_signature: bool
    n_null: int
    failures: dict[str, int]
    nomogram_kinds: dict[TreatmentArm, ModelKind]
    figures: tuple[CorrectedFigure, ...]

    @property
    def label(self) -> str:
        """What the figures are conditional on; nothing where no features are given."""
        return LABEL if self.has_signature else ""

    def metrics(self) -> dict[str, float]:
        """`optimism/<arm>/<model>/<estimator>`, the corrected figures, with `_632plus` beside C.

        Those of the arm's nomogram stand under the model `nomogram` as well.
        """
        found: dict[str, float] = {}
        for one in self.figures:
            shown = [NOMOGRAM] if self.nomogram_kinds[one.arm] is one.kind else []
            for model in [*shown, one.kind.value]:
                name = metric_name("optimism", one.arm.value, model, one.estimator)
                found |= estimate_metrics(name, one.corrected)
                if one.plus_632 is not None:
                    found |= estimate_metrics(f"{name}_632plus", one.plus_632)
        return found
