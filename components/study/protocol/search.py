"""Protocol section `search`: how configurations of the backbones are tried."""

from pydantic import Field, model_validator

from components.study.protocol.base import Section


class SearchSpace(Section):
    """Ranges from which configurations are drawn beforehand; learning rates on the log scale."""

    learning_rate: tuple[float, float]
    weight_decay: tuple[float, float]
    dropout: tuple[float, float]
    label_smoothing: tuple[float, float]


class SearchSection(Section):
    """Synchronous successive halving with k-fold cross-validation inside each trial."""

    folds: int = Field(ge=2)
    configurations: int = Field(ge=1, description="Configurations drawn for each backbone.")
    rungs: tuple[int, ...] = Field(min_length=1, description="Epochs at which halving happens.")
    reduction: int = Field(ge=2, description="One in `reduction` goes on after each rung.")
    space: SearchSpace
    cpus_per_trial: float = Field(gt=0)
    gpus_per_trial: float = Field(ge=0, le=1, description="Used only where a GPU is there.")
    threads_per_trial: int = Field(ge=1)
    max_failures: int = Field(ge=0, description="Times that a killed trial is brought back.")

    @model_validator(mode="after")
    def _rungs_ascend(self) -> "SearchSection":
        if list(self.rungs) != sorted(set(self.rungs)) or self.rungs[0] < 1:
            msg = f"search.rungs: expected ascending epochs from 1 on, came {list(self.rungs)}"
            raise ValueError(msg)
        return self
