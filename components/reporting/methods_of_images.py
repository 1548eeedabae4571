"""What was done with the images, in words: networks and hand-crafted features."""

from components.study.protocol import BackboneSection, ImagingSection, Protocol, RadiomicsSection

_RULES = {
    "one_standard_error": "the fewest multiply-adds within one standard error of the best",
    "best": "the best tuning target",
    "test_accuracy": "of the backbones' best configurations, refitted on all training patients, "
    "the one that classifies most test patients right",
}
_METHODS = {
    "synchronous_halving": "synchronous halving by {by} at epochs {rungs}",
    "asha": "asynchronous halving (ASHA) by {by} from epoch {first} on, {last} at most",
    "optuna": "drawn by Optuna's TPE as those before suggest, each trained for {last} epochs",
    "random": "drawn at random, each trained for {last} epochs",
}


def networks_said(protocol: Protocol) -> tuple[str, ...]:
    """What the networks saw, how they were searched and trained."""
    imaging, search, backbone = protocol.imaging, protocol.search, protocol.backbone
    method = _METHODS[search.method].format(
        by=search.reduction,
        rungs=", ".join(map(str, search.rungs)),
        first=search.rungs[0],
        last=search.rungs[-1],
    )
    return (
        f"{_crops(imaging)}, {imaging.crop_px} x {imaging.crop_px} pixels; channels arterial, "
        f"portal venous and their difference; window {imaging.window_center_hu:g} / "
        f"{imaging.window_width_hu:g} HU, then z-score.",
        *_pooling(imaging),
        f"{', '.join(backbone.names)}, started from {backbone.weights} weights; "
        f"{search.configurations} configurations each, {search.folds}-fold cross-validation, "
        f"{method}; cosine decay of the learning rate.",
        "Tuning target: the mean over arms of the out-of-fold figure within the arm. Chosen: "
        f"{_RULES[backbone.selection]}.",
        *_training(backbone),
    )


def _training(section: BackboneSection) -> tuple[str, ...]:
    """What the networks learnt, how much of them, and for how long."""
    share = f"{section.inner_share:.0%}"
    of_intervals = f"{section.hazard_intervals} equal intervals up to the label's horizon"
    learnt = {
        "binary": "the risk label, by weighted binary cross-entropy",
        "discrete_hazard": f"the hazard in {of_intervals}, from the follow-up of all training "
        "patients; the probability of high risk is 1 - S(horizon)",
        "cox": "a linear predictor, by the partial likelihood within arm and batch, from the "
        "follow-up of all training patients; the probability of high risk is 1 - S(horizon) with a "
        "baseline of the patients learnt from, and is not calibrated",
    }
    trained = {
        "fine_tune": "",
        "frozen_trunk": " Only their heads were trained, on features of the trunks as they came.",
    }
    stopped = {
        "fixed_epochs": "",
        "inner_split": f" The weights that count are those of the epoch that suited {share} of its "
        "own training part best, who were held back; the refit is as long as the folds' median.",
    }
    return (
        f"The networks learnt {learnt[section.loss]}.{trained[section.training]}",
        "A fold's patients never stop the training of the network that scores them."
        f"{stopped[section.stopping]}",
    )


def _pooling(imaging: ImagingSection) -> tuple[str, ...]:
    if imaging.slices == 1 and imaging.lesions == "largest":
        return ()
    return (
        "A network learns from one slice of a patient an epoch, drawn at random; its probability "
        "and its deep features of a patient are means over the slices, of which none counts twice.",
    )


def _crops(imaging: ImagingSection) -> str:
    """Which slices of a patient the networks see, and in which field."""
    slices = "Largest axial slice"
    if imaging.slices > 1:
        slices = (
            f"{imaging.slices} axial slices, {imaging.slice_step_mm:g} mm apart, around the largest"
        )
    of_what = "of every lesion" if imaging.lesions == "all" else "of the ROI"
    field = f"with {imaging.margin_mm:g} mm around its bounding box"
    if imaging.crop == "fixed_field":
        field = f"in a field of {imaging.field_mm:g} mm"
    return f"{slices} {of_what} {field}"


def radiomics_said(section: RadiomicsSection) -> tuple[str, ...]:
    """Which features of the ROI there were, which were kept, and what was learnt from them."""
    low, high = section.hu_range
    said = [
        f"Features of the whole ROI in both phases by MIRP: {', '.join(section.families)}; "
        f"voxels of {section.resampling_mm:g} mm from {low:g} to {high:g} HU, bins of "
        f"{section.bin_width_hu:g} HU. A ridge logistic regression of the risk label, in the "
        "networks' folds."
    ]
    if section.stability is not None:
        kept = section.stability
        said.append(
            f"Kept were features with an ICC(1, 1) of at least {kept.minimum_icc:g} over "
            f"{kept.perturbations} perturbed ROIs of {kept.patients} training patients."
        )
    if section.harmonise_by is not None:
        said.append(
            f"Harmonised by {section.harmonise_by} (ComBat), fitted in each fold's training part."
        )
    return tuple(said)
