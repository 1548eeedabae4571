"""Protocol section `search`: how configurations of the backbones are tried."""

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from components.study.protocol.base import Section, Share, ascending, ordered

Rate = Annotated[float, Field(gt=0, lt=1)]
"""Drawn on the log scale, so never 0."""

Epoch = Annotated[int, Field(ge=1, le=100_000)]


class SearchSpace(Section):
    """Ranges from which configurations are drawn beforehand; learning rates on the log scale."""

    learning_rate: Annotated[tuple[Rate, Rate], AfterValidator(ordered)]
    weight_decay: Annotated[tuple[Rate, Rate], AfterValidator(ordered)]
    dropout: Annotated[tuple[Share, Share], AfterValidator(ordered)]
    label_smoothing: Annotated[tuple[Share, Share], AfterValidator(ordered)]


SearchMethod = Literal["synchronous_halving", "asha", "optuna", "random"]


class SearchSection(Section):
    """Trials of each backbone among themselves, with k-fold cross-validation inside each trial.

    With `synchronous_halving` all trials of a backbone reach a rung before the better ones go on:
    the same on every run. `asha` decides at once from what has been reported so far; `optuna`
    draws each configuration from what the finished ones have reached and trains all to the end:
    both hang on which trial was faster. `random` trains all configurations to the end.
    """

    method: SearchMethod = Field(
        default="synchronous_halving", description="Which trials are drawn and which go on."
    )
    folds: int = Field(ge=2, le=20)
    configurations: int = Field(
        ge=1, le=1000, description="Configurations drawn for each backbone."
    )
    rungs: Annotated[tuple[Epoch, ...], AfterValidator(ascending)] = Field(
        min_length=1, description="Epochs at which halving happens."
    )
    reduction: int = Field(ge=2, le=100, description="One in `reduction` goes on after each rung.")
    space: SearchSpace
    cpus_per_trial: float = Field(gt=0, le=1024)
    gpus_per_trial: float = Field(ge=0, le=1, description="Used only where a GPU is there.")
    threads_per_trial: int = Field(ge=1, le=1024)
    max_failures: int = Field(
        ge=0, le=100, description="Times that a killed trial is brought back."
    )

    @model_validator(mode="after")
    def _threads_have_their_cpus(self) -> "SearchSection":
        if self.threads_per_trial > math.ceil(self.cpus_per_trial):
            msg = (
                "search.threads_per_trial: expected at most search.cpus_per_trial "
                f"{self.cpus_per_trial:g} rounded up, came {self.threads_per_trial}; trials would "
                "take each other's cores"
            )
            raise ValueError(msg)
        return self
