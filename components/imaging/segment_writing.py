"""Writing segments as 3D Slicer does: `.seg.nrrd`, overlapping ones in layers.

Keys as in 3D Slicer's vtkMRMLSegmentationStorageNode. Nothing of the file that the segments were
read from is carried over: names, tags and terminology entries are free text.
"""

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from components.errors import DataError
from components.imaging.masks import BoolArray, box_on, is_same_grid, marked_box, on_grid, squared
from components.imaging.segment import MAX_BYTES, Segment
from components.imaging.volume import Geometry, Volume, VoxelArray
from components.study.files import written_whole

SEGMENT_TAGS = (
    "Segmentation.Status:completed|TerminologyEntry:Segmentation category and type - 3D Slicer "
    "General Anatomy list~SCT^49755003^Morphologically Altered Structure~SCT^108369006^Neoplasm"
    "~^^~Anatomic codes - DICOM master list~SCT^10200004^Liver~^^|"
)

_COLORS = ("0.564706 0.933333 0.564706", "0.85 0.4 0.31", "0.95 0.84 0.57", "0.56 0.68 0.82")
_MOST_LABELS = 255
_LEVEL = 6


def write_segments(path: Path, segments: Sequence[Segment]) -> tuple[str, ...]:
    """Writes lesions as `lesion_1` (the largest), `lesion_2` and so on; says what was changed.

    The same segments give the same bytes. Segments on other grids are brought onto that of the
    first (nearest voxel), which is enlarged where they reach beyond it; a grid skewed by a tilted
    gantry is made square.

    Args:
        path: The `.seg.nrrd` to write, whole or not at all.
        segments: At least one, each with a marked voxel.

    Raises:
        DataError: There is nothing to write, or the lesions lie impossibly far apart.
        OSError: The disk does not take it.
    """
    if not any(segment.mask.voxels.any() for segment in segments):
        raise DataError("expected at least one segment with a marked voxel to write, came none")
    masks, grid, notes = _on_one_grid([segment.mask for segment in segments])
    sizes = [int(np.count_nonzero(mask)) for mask in masks]
    order = sorted(range(len(masks)), key=lambda number: (-sizes[number], number))
    lost = [number for number in order if sizes[number] == 0]
    if lost:
        notes += (f"{len(lost)} segments smaller than a voxel of the first one's grid were lost",)
    layers, places = _layers([masks[number] for number in order if sizes[number]])
    with written_whole(path) as partial:
        partial.write_bytes(_nrrd(layers, places, grid))
    return notes


def _on_one_grid(masks: Sequence[Volume]) -> tuple[list[BoolArray], Geometry, tuple[str, ...]]:
    square = [squared(mask) for mask in masks]
    notes: tuple[str, ...] = ()
    if any(new is not old for new, old in zip(square, masks, strict=True)):
        notes += ("a segment's grid was skewed (gantry tilt) and has been made square",)
    grid = square[0].geometry
    others = [mask for mask in square[1:] if not is_same_grid(mask.geometry, grid)]
    if others:
        said = f"{len(others)} of {len(masks)} segments were brought onto the grid of the first"
        notes += (said,)
        boxes = [box_on(mask, grid) for mask in others if mask.voxels.any()]
        low = np.min([np.zeros(3, dtype=np.int64), *(box[0] for box in boxes)], axis=0)
        high = np.max([np.asarray(grid.size), *(box[1] for box in boxes)], axis=0)
        if float(np.prod((high - low).astype(np.float64))) > MAX_BYTES:
            raise DataError("the segments lie too far apart to be of one patient; check them")
        grid = grid.part(low, high)
    return [on_grid(mask, grid) for mask in square], grid, notes


def _layers(masks: Sequence[BoolArray]) -> tuple[VoxelArray, list[tuple[int, int, BoolArray]]]:
    """Label volumes (layer, k, j, i), and layer, label and mask of each segment.

    A segment goes to the first layer where it overlaps with none.
    """
    layers: list[VoxelArray] = []
    counts: list[int] = []
    places = []
    for mask in masks:
        free = (
            number
            for number, layer in enumerate(layers)
            if counts[number] < _MOST_LABELS and not np.any(layer[mask])
        )
        number = next(free, len(layers))
        if number == len(layers):
            layers.append(np.zeros(mask.shape, dtype=np.uint8))
            counts.append(0)
        counts[number] += 1
        layers[number][mask] = counts[number]
        places.append((number, counts[number], mask))
    return np.stack(layers), places


def _nrrd(
    layers: VoxelArray, places: Sequence[tuple[int, int, BoolArray]], grid: Geometry
) -> bytes:
    several = len(layers) > 1
    axes = [_vector(column) for column in (grid.direction * grid.spacing_mm).T]
    sizes = [*([len(layers)] if several else []), *grid.size]
    lines = [
        "NRRD0004",
        "# Complete NRRD file format specification at:",
        "# http://teem.sourceforge.net/nrrd/format.html",
        "type: unsigned char",
        f"dimension: {len(sizes)}",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, sizes))}",
        f"space directions: {' '.join([*(['none'] if several else []), *axes])}",
        f"kinds: {'list ' if several else ''}domain domain domain",
        "encoding: gzip",
        f"space origin: {_vector(grid.origin_mm)}",
        *(f"{key}:={value}" for key, value in _texts(places)),
    ]
    interleaved = np.ascontiguousarray(np.moveaxis(layers, 0, -1))
    data = gzip.compress(interleaved.tobytes(), compresslevel=_LEVEL, mtime=0)
    return ("\n".join(lines) + "\n\n").encode("ascii") + data


def _texts(places: Sequence[tuple[int, int, BoolArray]]) -> list[tuple[str, str]]:
    texts = []
    for number, (layer, label, mask) in enumerate(places):
        low, high = marked_box(mask)
        extent = " ".join(f"{a} {b - 1}" for a, b in zip(low, high, strict=True))
        own = {
            "Color": _COLORS[number % len(_COLORS)],
            "ColorAutoGenerated": "0",
            "Extent": extent,
            "ID": f"Segment_{number + 1}",
            "LabelValue": str(label),
            "Layer": str(layer),
            "Name": f"lesion_{number + 1}",
            "NameAutoGenerated": "0",
            "Tags": SEGMENT_TAGS,
        }
        texts += [(f"Segment{number}_{key}", value) for key, value in own.items()]
    return [
        *texts,
        ("Segmentation_ContainedRepresentationNames", "Binary labelmap|"),
        ("Segmentation_ReferenceImageExtentOffset", "0 0 0"),
        ("Segmentation_SourceRepresentation", "Binary labelmap"),
    ]


def _vector(values: object) -> str:
    return "(" + ",".join(repr(float(value) + 0.0) for value in np.asarray(values)) + ")"
