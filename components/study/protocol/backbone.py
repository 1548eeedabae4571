"""Protocol section `backbone`: the networks and how they are trained."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from components.study.protocol.base import Section, Share, unique

BackboneName = Literal["resnet18", "resnet50", "densenet121"]


class WeightsFile(Section):
    """A file of weights to start from: a `.pth` of torch, named by its content."""

    path: str = Field(min_length=1)
    sha256: str = Field(
        pattern="^[0-9a-f]{8,64}$", description="The whole SHA-256, or its first 8 digits or more."
    )


class FeatureLayerSection(Section):
    """A layer of a backbone, and the number of features that its map's global mean has."""

    layer: str = Field(min_length=1)
    width: int = Field(ge=1, le=100_000)


class AugmentationSection(Section):
    """Random changes of the images that a network learns from, drawn anew for each."""

    flip: bool = Field(default=True, description="Left-right and front-back, each in one half.")
    rotation_degrees: float = Field(default=15, ge=0, le=180)
    scale: Share = Field(default=0.1, description="Smaller or larger by at most this share.")
    shift: Share = Field(default=0.1, description="At most this share of half the field.")
    gain: Share = Field(default=0.1, description="Each channel's contrast, by at most this share.")
    offset: float = Field(default=0.1, ge=0, le=10, description="In SDs of the image, at most.")
    phase_dropout: Share = Field(
        default=0, description="Share of images that lose one phase, and the difference with it."
    )


def _augmentation(value: Any) -> Any:
    """`true` stands for the section's defaults, `false` for none."""
    return {True: {}, False: None}[value] if isinstance(value, bool) else value


class BackboneSection(Section):
    """Which networks compete, what they start from, and their training outside the search."""

    names: Annotated[tuple[BackboneName, ...], AfterValidator(unique)] = Field(min_length=1)
    weights: Literal["random", "imagenet", "file"]
    weights_dir: str | None = Field(
        default=None, description="Folder of torchvision's .pth files; default: torch's own cache."
    )
    weights_files: dict[BackboneName, WeightsFile] = Field(
        default_factory=dict, description="With `weights: file`, one for each of `names`."
    )
    feature_layers: dict[BackboneName, FeatureLayerSection] = Field(
        default_factory=dict,
        description="Where a backbone ends before its last map (512, 2048, 1024 features).",
    )
    frozen_stages: int = Field(
        default=0, ge=0, le=5, description="First stages that keep the weights they came with."
    )
    stage_rate_decay: float = Field(
        default=1.0, gt=0, le=1, description="A stage's learning rate over that of the next one."
    )
    batch_size: int = Field(ge=2, le=4096)
    warmup_epochs: float = Field(ge=0)
    training: Literal["fine_tune", "frozen_trunk"] = Field(
        default="fine_tune",
        description="frozen_trunk: heads alone are trained, on features of the trunk as it came.",
    )
    loss: Literal["binary", "discrete_hazard", "cox"] = Field(
        default="binary",
        description="binary: the risk label; the others learn from the follow-up of everyone.",
    )
    hazard_intervals: int = Field(
        default=6, ge=2, le=60, description="Of discrete_hazard, equally wide up to the horizon."
    )
    stopping: Literal["fixed_epochs", "inner_split"] = Field(
        default="fixed_epochs",
        description="inner_split: of each fold's network the weights count that suited patients "
        "held back from its training part best.",
    )
    inner_share: float = Field(
        default=0.2, ge=0.05, le=0.5, description="Of the training part, held back by inner_split."
    )
    mixed_precision: bool
    augment: Annotated[AugmentationSection | None, BeforeValidator(_augmentation)]
    selection: Literal["one_standard_error", "best", "test_accuracy"] = Field(
        description="On the tuning target, of which one_standard_error leans to fewer "
        "multiply-adds; test_accuracy lets the test patients choose, as the study did."
    )

    @model_validator(mode="after")
    def _files_are_named(self) -> "BackboneSection":
        missing = [name for name in self.names if name not in self.weights_files]
        if self.weights == "file" and missing:
            msg = f"backbone.weights_files: expected a file for {', '.join(missing)}, none is named"
            raise ValueError(msg)
        if self.weights != "file" and self.weights_files:
            msg = (
                f"backbone.weights_files: expected none with weights: {self.weights}, came one for "
                f"{', '.join(self.weights_files)}; they would not be read"
            )
            raise ValueError(msg)
        return self
