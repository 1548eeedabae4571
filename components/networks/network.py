"""A backbone in training or in use: its trunk, the features and what is said of a patient.

Shapes: B patients, C channels, H and W pixels, F features, K intervals.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

if TYPE_CHECKING:
    from components.study.protocol.backbone import BackboneSection


@dataclass(frozen=True)
class Outputs:
    """How many logits a network has, and whether a baseline hazard belongs to them."""

    n: int = 1
    has_baseline: bool = False

    @classmethod
    def of(cls, section: "BackboneSection") -> Self:
        """Those of a protocol's loss."""
        n = section.hazard_intervals if section.loss == "discrete_hazard" else 1
        return cls(n=n, has_baseline=section.loss == "cox")

    @classmethod
    def stored(cls, state: Mapping[str, Tensor]) -> Self:
        """Those of a network whose weights are known."""
        n = len(state["head.bias"]) if "head.bias" in state else 1
        return cls(n=n, has_baseline="log_baseline_hazard" in state)


class Network(nn.Module):
    """A trunk, the global mean of its last map, dropout and one logit, or one an interval.

    Maps (B, C, H, W) to logits (B,), or (B, K) of K intervals, and features (B, F), all float32: a
    logit rounded to bfloat16 would tie patients whose order is the result.

    A network that is trained on Cox' likelihood keeps the baseline hazard at the label's horizon
    beside its weights. So what is stored says by itself what its logits mean.

    `stages` are those of the trunk that are there. The first `n_frozen` of them are not trained,
    and their batch norm uses the statistics that it came with.
    """

    def __init__(
        self,
        trunk: nn.Module,
        *,
        width: int,
        dropout: float,
        outputs: "Outputs | None" = None,
        stages: tuple[tuple[str, ...], ...] = (),
        n_frozen: int = 0,
    ) -> None:
        super().__init__()
        outputs = outputs or Outputs()
        self.trunk = trunk
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(width, outputs.n)
        self.log_baseline_hazard: Tensor | None
        zero = torch.zeros((), dtype=torch.float64) if outputs.has_baseline else None
        self.register_buffer("log_baseline_hazard", zero)
        self.stages, self.n_frozen = stages, n_frozen
        for layer in self._frozen():
            layer.requires_grad_(requires_grad=False)

    def _frozen(self) -> list[nn.Module]:
        names = [name for stage in self.stages[: self.n_frozen] for name in stage]
        return [self.trunk.get_submodule(name) for name in names]

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002  # torch's own signature
        """As torch's, frozen stages left as they are asked."""
        super().train(mode)
        for layer in self._frozen():
            layer.eval()
        return self

    def parameters_by_depth(self) -> Iterator[tuple[int, nn.Parameter]]:
        """What is trained, with the number of stages between it and the end: 0 for the head."""
        for number, names in enumerate(self.stages):
            if number >= self.n_frozen:
                for name in names:
                    for parameter in self.trunk.get_submodule(name).parameters():
                        yield len(self.stages) - number, parameter
        if not self.stages:
            yield from ((1, parameter) for parameter in self.trunk.parameters())
        yield from ((0, parameter) for parameter in self.head.parameters())

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B,) or (B, K) and features (B, F) of images (B, C, H, W)."""
        features = self.trunk(images).float().mean(dim=(2, 3))
        with torch.autocast(images.device.type, enabled=False):
            logits = self.head(self.dropout(features))
        return logits.squeeze(1) if logits.shape[1] == 1 else logits, features

    def probability(self, logits: Tensor) -> Tensor:
        """Of death by the label's horizon (B,), float64, as this network's logits say it.

        One logit is the probability's own, or with a baseline hazard H a linear predictor:
        1 - exp(-H exp(lp)). Several are of dying in each interval once it is reached, and
        1 - S is one minus the product of surviving them.
        """
        logits = logits.double()
        if self.log_baseline_hazard is not None:
            return _probability_of(torch.exp((self.log_baseline_hazard + logits).clamp(max=700)))
        if logits.ndim == 2:
            return _probability_of(functional.softplus(logits).sum(dim=1))
        return torch.sigmoid(logits)


_NEARLY_CERTAIN = 20.0
"""A cumulative hazard that is survived by two of 10**9."""


def _probability_of(hazard: Tensor) -> Tensor:
    """1 - exp(-H), without ties among those who are all but certain to die.

    Above H = 20 it grows towards 30 with the logarithm of H: what is changed of the probability is
    less than 3e-9, and two patients of different H differ where 1 - exp(-H) would round to 1.
    """
    beyond = torch.log(hazard / _NEARLY_CERTAIN).clamp(min=0)
    slowed = _NEARLY_CERTAIN + 10 * beyond / (5 + beyond)
    return -torch.expm1(-torch.where(beyond > 0, slowed, hazard))
