"""The best way from the lowest slice to the highest: how an organ that stands upright is found."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from components.imaging.volume import FloatArray, VoxelArray

_BRIDGED_SLICES = 2
_STEPS = tuple((dj, di) for dj in (-1, 0, 1) for di in (-1, 0, 1))


@dataclass(frozen=True, eq=False)
class Path:
    """One voxel (j, i) in each slice k of a coarse grid.

    `j` and `i` (n_slices,) are its indices, `score` (n_slices,) what it scores there, `seen`
    (n_slices,) whether that is enough.
    """

    j: NDArray[np.int64]
    i: NDArray[np.int64]
    score: FloatArray
    seen: NDArray[np.bool_]

    @property
    def n_seen(self) -> int:
        """Slices in which it is seen."""
        return int(self.seen.sum())

    def longest(self) -> "Path":
        """The path with only its longest stretch seen; a gap of two slices does not end it."""
        at = np.flatnonzero(self.seen)
        if not at.size:
            return self
        stretches = np.split(at, np.flatnonzero(np.diff(at) > _BRIDGED_SLICES + 1) + 1)
        kept = np.zeros_like(self.seen)
        kept[max(stretches, key=len)] = True
        return Path(self.j, self.i, self.score, kept)

    def bridged(self, n: int) -> "Path":
        """The path with its gaps of up to n slices seen as well."""
        at = np.flatnonzero(self.seen)
        seen = self.seen.copy()
        for before, after in pairwise(at):
            if after - before <= n + 1:
                seen[before:after] = True
        return Path(self.j, self.i, self.score, seen)

    def smoothed(self) -> "Path":
        """The path without its zigzag: the mean of seven slices, rounded."""
        j, i = (
            np.rint(ndimage.uniform_filter1d(line.astype(np.float64), 7, mode="nearest"))
            for line in (self.j, self.i)
        )
        return Path(j.astype(np.int64), i.astype(np.int64), self.score, self.seen)


def upright_path(score: VoxelArray, *, least: float, step_cost: float) -> Path | None:
    """The path of the highest sum of scores (k, j, i) that moves by a voxel a slice at most.

    Args:
        score: How well each voxel fits, at least 0; 0 where it does not.
        least: The score from which a slice counts as seen.
        step_cost: Taken off for each move, so that noise does not make the path waver.

    Returns:
        The path; None where no slice is seen.
    """
    total = score[0].astype(np.float64)
    came_from = np.zeros(score.shape, dtype=np.int8)
    for k in range(1, score.shape[0]):
        best, came_from[k] = _best_before(total, step_cost)
        total = score[k] + best
    j, i = np.unravel_index(int(total.argmax()), total.shape)
    js, is_ = [int(j)], [int(i)]
    for k in range(score.shape[0] - 1, 0, -1):
        dj, di = _STEPS[came_from[k, js[-1], is_[-1]]]
        js.append(js[-1] + dj)
        is_.append(is_[-1] + di)
    at_j, at_i = np.array(js[::-1]), np.array(is_[::-1])
    scores = score[np.arange(score.shape[0]), at_j, at_i].astype(np.float64)
    path = Path(at_j, at_i, scores, scores >= least)
    return path if path.n_seen else None


def _best_before(total: FloatArray, step_cost: float) -> tuple[FloatArray, NDArray[np.int8]]:
    """For each voxel the best total of its nine neighbours in the slice below, and which it is."""
    padded = np.pad(total, 1, constant_values=-np.inf)
    height, width = total.shape
    choices = np.stack(
        [
            padded[1 + dj : 1 + dj + height, 1 + di : 1 + di + width]
            - step_cost * (abs(dj) + abs(di))
            for dj, di in _STEPS
        ]
    )
    best = choices.argmax(axis=0)
    return np.take_along_axis(choices, best[None], axis=0)[0], best.astype(np.int8)
