"""Protocol section `backbone`: the networks and how they are trained."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from components.study.protocol.base import Section, unique


class BackboneSection(Section):
    """Which networks compete, what they start from, and their training outside the search."""

    names: Annotated[
        tuple[Literal["resnet18", "resnet50", "densenet121"], ...], AfterValidator(unique)
    ] = Field(min_length=1)
    weights: Literal["random", "imagenet"]
    weights_dir: str | None = Field(
        default=None, description="Folder of torchvision's .pth files; default: torch's own cache."
    )
    batch_size: int = Field(ge=2, le=4096)
    warmup_epochs: float = Field(ge=0)
    mixed_precision: bool
    augment: bool
    selection: Literal["one_standard_error", "best", "test_accuracy"] = Field(
        description="On the tuning target, of which one_standard_error leans to fewer "
        "multiply-adds; test_accuracy lets the test patients choose, as the study did."
    )
