"""How much of a heat map lies inside the ROI, and whether the map hangs on what was learned.

Shapes: n patients, H and W pixels of a crop, h and w cells of a map.
"""

import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from components.networks.gradcam import enlarged, heat_maps, shuffle_weights
from components.networks.heat_records import RandomisationCheck, Spread
from components.networks.network import Network

FloatArray = NDArray[np.float64]

N_DRAWS = 5
"""Times that the weights are shuffled: a single draw's maps can be alike by chance."""


@dataclass(frozen=True, eq=False)
class HeatShares:
    """Of each patient (n,): the ROI's share of the field, the heat's share in the ROI, their ratio.

    The last two are NaN where a map holds no heat. `lowest` and `highest` are the ratios of the
    maps whose heat is all in one cell: every other map's lies between them.
    """

    roi_share: FloatArray
    heat_in_roi: FloatArray
    lowest: FloatArray
    highest: FloatArray

    @property
    def ratio(self) -> FloatArray:
        """1 for even heat."""
        return self.heat_in_roi / self.roi_share


def heat_shares(heat: NDArray[np.float32], roi: NDArray[np.float32]) -> HeatShares:
    """Shares of heat (n, h, w), enlarged to the crop, in an ROI (n, H, W) of shares of pixels.

    Enlarging is linear, so that each cell spreads in a known way: a map's ratio is the mean of
    its cells' ratios, weighted by their heat.

    Raises:
        ValueError: An ROI is empty; no patient with a crop has one.
    """
    roi_share = roi.mean(axis=(1, 2), dtype=np.float64)
    if not np.all(roi_share > 0):
        msg = f"expected an ROI in every crop, {int(np.sum(roi_share <= 0))} are empty"
        raise ValueError(msg)
    _, height, width = heat.shape
    single = np.eye(height * width, dtype=np.float32).reshape(-1, height, width)
    spread = enlarged(single, roi.shape[1:]).reshape(height * width, -1).astype(np.float64)
    inside = np.stack([spread @ one.ravel() for one in roi])
    of_cell = spread.sum(axis=1)
    by_cell = inside / of_cell / roi_share[:, None]
    cells = heat.reshape(len(heat), -1).astype(np.float64)
    with np.errstate(invalid="ignore"):  # 0 / 0 where there is no heat
        heat_in_roi = (cells * inside).sum(axis=1) / (cells * of_cell).sum(axis=1)
    return HeatShares(roi_share, heat_in_roi, by_cell.min(axis=1), by_cell.max(axis=1))


def randomisation_check(
    network: Network,
    crops: NDArray[np.float32],
    heat: NDArray[np.float32],
    *,
    seed: int,
    level: float,
    n_draws: int = N_DRAWS,
) -> tuple[RandomisationCheck, FloatArray]:
    """Whether the maps (n, h, w) of crops are like those of the network with shuffled weights.

    All weights are shuffled at once, each tensor within itself. A copy is shuffled; the network
    stays as it is. Source: Adebayo 2018, arXiv:1810.03292.

    Returns:
        The check, and each patient's mean correlation over the draws (n,), NaN where there is none.
    """
    other = copy.deepcopy(network)
    draws = []
    for draw in range(n_draws):
        shuffle_weights(other, seed=seed, draw=draw)
        draws.append(map_correlations(heat, heat_maps(other, crops)))
    every = np.array(draws)
    defined = np.isfinite(every)
    with np.errstate(invalid="ignore"):  # 0 / 0 of a patient without any correlation
        of_patient = np.where(defined, every, 0.0).sum(axis=0) / defined.sum(axis=0)
    check = RandomisationCheck(
        n_patients=len(heat),
        n_draws=n_draws,
        n_undefined=int(np.sum(~defined)),
        medians=tuple(Spread.of(one, level=level).median for one in every),
        correlation=Spread.of(of_patient, level=level),
    )
    return check, of_patient


def map_correlations(a: NDArray[np.float32], b: NDArray[np.float32]) -> FloatArray:
    """Spearman's correlation (n,) of maps (n, h, w) over their cells; NaN where one is even."""
    found = np.full(len(a), np.nan)
    for i, (one, other) in enumerate(zip(a, b, strict=True)):
        if np.ptp(one) > 0 and np.ptp(other) > 0:
            found[i] = stats.spearmanr(one.ravel(), other.ravel()).statistic
    return found
