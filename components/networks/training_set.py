"""The patients that networks are trained on, as arrays in one order."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.errors import DataError
from components.survival.target import IntArray, SurvivalTarget


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """n training patients: pseudonyms, crops (n, 3, h, w), follow-up, arms (n,), folds (n,) from 0.

    Crops of S slices each are (n, S, 3, h, w), the slice where the ROI is largest first.

    Raises:
        DataError: The parts have different lengths, the crops another shape, a crop is not finite,
            a patient stands there twice, or a fold is empty.
    """

    patient_ids: tuple[str, ...]
    crops: NDArray[np.float32]
    target: SurvivalTarget
    arms: NDArray[np.str_]
    fold_of: IntArray

    def __post_init__(self) -> None:
        lengths = {
            "pseudonyms": len(self.patient_ids),
            "crops": len(self.crops),
            "follow-ups": self.target.n,
            "arms": len(self.arms),
            "folds": len(self.fold_of),
        }
        if len(set(lengths.values())) > 1:
            came = ", ".join(f"{n} {name}" for name, n in lengths.items())
            msg = f"expected as many of each, came {came}"
            raise DataError(msg)
        if self.crops.ndim not in (4, 5) or self.crops.shape[-3] != 3:
            msg = (
                "expected crops of 3 channels, patients x 3 x h x w or patients x slices x 3 x h x "
                f"w, came {' x '.join(map(str, self.crops.shape))}"
            )
            raise DataError(msg)
        finite = np.isfinite(self.crops).all(axis=(-3, -2, -1))
        if not finite.all():
            bad, *slices = (int(number) for number in np.argwhere(~finite)[0])
            place = f" (slice {slices[0] + 1} of {finite.shape[1]})" if slices else ""
            msg = (
                f"patient {self.patient_ids[bad]}: the crop{place} holds values that are not finite"
            )
            raise DataError(msg)
        _refuse_repeated(self.patient_ids, self.fold_of)
        _refuse_gaps(self.fold_of)


def _refuse_repeated(patient_ids: tuple[str, ...], fold_of: IntArray) -> None:
    """Refuse a patient who stands there twice: one network would learn from whom it scores."""
    first: dict[str, int] = {}
    for row, patient in enumerate(patient_ids):
        if patient in first:
            before = first[patient]
            msg = (
                f"expected each patient once, patient {patient} stands in rows {before + 1} and "
                f"{row + 1} (folds {fold_of[before]} and {fold_of[row]}); the networks of one fold "
                "would learn from whom they are to score: leave one row"
            )
            raise DataError(msg)
        first[patient] = row


def _refuse_gaps(fold_of: IntArray) -> None:
    """Refuse folds of nobody: each has its own network, and someone to be scored by it."""
    came = sorted(set(fold_of.tolist()))
    n_folds = came[-1] + 1 if came else 0
    if came and came == list(range(n_folds)):
        return
    if came and came[0] < 0:
        what = f"{int((fold_of < 0).sum())} patients are in fold {came[0]}"
    else:
        empty = sorted(set(range(n_folds)) - set(came))
        what = f"nobody is in fold {', '.join(map(str, empty))}" if empty else "there is nobody"
    msg = (
        "expected folds numbered from 0 without a gap, came "
        f"{', '.join(map(str, came)) or 'none'}: {what}; draw the folds anew, or fewer of them "
        "(search.folds)"
    )
    raise DataError(msg)
