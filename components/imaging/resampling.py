"""Values of a volume at positions in the patient."""

import math

import numpy as np
from scipy import ndimage

from components.imaging.readers import CtFile
from components.imaging.roi import Field
from components.imaging.volume import FloatArray, Volume

_ROUNDING = 1e-6
"""Of an index: what the inverse of a direction matrix may lose at a volume's border."""


def sample(volume: Volume, points_mm: FloatArray) -> FloatArray:
    """Linearly interpolated values (n,) at positions (n, 3); NaN outside the volume.

    A voxel reaches half a spacing beyond its centre, so the outermost half voxel counts as inside
    and holds the border's value.
    """
    index = volume.geometry.to_index(points_mm)
    last = np.asarray(volume.geometry.size) - 1
    outside = np.any((index < -0.5 - _ROUNDING) | (index > last + 0.5 + _ROUNDING), axis=1)
    inner = np.clip(index, 0, last)[:, ::-1].T
    voxels = volume.voxels.astype(np.float32, copy=False)
    values = ndimage.map_coordinates(voxels, inner, output=np.float64, order=1, mode="nearest")
    values[outside] = np.nan
    return np.asarray(values)


def resample_field(ct: CtFile, field: Field, *, size_px: int) -> FloatArray:
    """HU (size_px, size_px) of a CT over a field; NaN outside the volume.

    Where pixels are larger than the CT's, each is the mean over a finer grid: single points would
    alias, and would keep the noise that a larger pixel averages out.

    Raises:
        PatientRejected: The voxels cannot be read.
    """
    pixel_mm = field.side_mm / size_px
    in_plane = np.delete(ct.geometry.spacing_mm, ct.geometry.axial_axis)
    finer = max(1, math.ceil(pixel_mm / float(in_plane.min()) - _ROUNDING))
    points = field.points(size_px * finer)
    volume = ct.around(points)
    if volume is None:
        return np.full((size_px, size_px), np.nan)
    values = sample(volume, points).reshape(size_px, finer, size_px, finer)
    return np.asarray(values.mean(axis=(1, 3)))
