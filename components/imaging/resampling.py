"""Values of a volume at positions in the patient."""

import math
from collections.abc import Sequence

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
    """As `resample_fields`, of one field: (size_px, size_px)."""
    return resample_fields(ct, [field], size_px=size_px)[0]


def resample_fields(ct: CtFile, fields: Sequence[Field], *, size_px: int) -> list[FloatArray]:
    """HU (size_px, size_px) of a CT over each field; NaN outside the volume.

    The file is inflated once for all fields: that costs more than everything else.

    Where pixels are larger than the CT's, each is the mean over a finer grid: single points would
    alias, and would keep the noise that a larger pixel averages out.

    Raises:
        PatientRejected: The voxels cannot be read.
    """
    in_plane = np.delete(ct.geometry.spacing_mm, ct.geometry.axial_axis)
    pixels_mm = [field.side_mm / size_px for field in fields]
    finer = [max(1, math.ceil(mm / float(in_plane.min()) - _ROUNDING)) for mm in pixels_mm]
    points = [field.points(size_px * times) for field, times in zip(fields, finer, strict=True)]
    volume = ct.around(np.concatenate(points))
    if volume is None:
        return [np.full((size_px, size_px), np.nan) for _ in fields]
    cells = [
        sample(volume, at).reshape(size_px, times, size_px, times)
        for at, times in zip(points, finer, strict=True)
    ]
    return [np.asarray(values.mean(axis=(1, 3))) for values in cells]
