"""A writer of DICOM CT series whose voxels, places and faults are known."""

import base64
import tempfile
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name that its own documentation uses
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGLossless,
    JPEGLosslessSV1,
    generate_uid,
)

HTJ2K_IMAGE = (
    (37 * np.arange(16) ** 2)[None] + (91 * np.arange(12) ** 2)[:, None]
) + 13 * np.outer(np.arange(12), np.arange(16))
HTJ2K_IMAGE = (HTJ2K_IMAGE % 3000 - 1024).astype(np.int16)
"""The image (12, 16) in `HTJ2K_STREAM`."""
HTJ2K_STREAM = base64.b64decode(
    "/0//UQApQAAAAAAQAAAADAAAAAAAAAAAAAAAEAAAAAwAAAAAAAAAAAABjwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB"
    "/1wAEyCIkJCQkJCQkJCQkJCQiIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAZUAAf+TwAAmSv4CB3QA"
    "AMAAE0AAE0AAEwCw/AKHdADo/gKHdAD/dwOHdADAABUwAATwAATgJ/k4JY8AopQAVHDBAwF0AKAi/gKBdADAABbEAAFs"
    "QAAWwJ29mZy1fuYck1xCYrQSBv4Az3+QQAa4AMFUvnVkRChno9Qg8WQSYW0AX3+MgGmYAOnwgYTag2l5EjjS0OuuLXTy"
    "Db+QgEa3AMAAL02AAF6jAAC9DEkymST5nUQUZO96M3K++2Y8znaS36JE+YElLEG4BiE7ET9A9jfIOK0fgpMEUUEmKmQh"
    "g2wS/FDi32Bwrnz+COMep+HYRJCANRCiIb8AtdraWi1WVAs8ju4AGXWdBIABDE4DbHTcWzH1cu/o2ohHgP2ljZwG2IpG"
    "NzrsrpgO4t6VtvG0AAaevzyS01tcEeUEK88jVa2Sy5CABhAAIbAB22W722nXdm233e3a7nbbZbvbtd12b2c7273dybBd"
    "2+V222W7trvd27Xd23W7ybhd21V1gGe94c/Xs+BXkIAsDMNQAf/Z"
)
"""Written once by OpenJPH 0.26.3 (reversible): no encoder of HTJ2K is among the dependencies."""


def ramp(n=6, rows=10, columns=14):
    """HU (n, rows, columns) that differ between all slices, rows and columns."""
    k, j, i = np.meshgrid(*(np.arange(size) for size in (n, rows, columns)), indexing="ij")
    return (100 * k + 7 * j + 3 * i - 300).astype(np.int16)


@dataclass
class CtSeries:
    """A CT series to be written: HU (k, j, i) on a grid in LPS mm, every attribute replaceable.

    `lean_mm` (2,) shifts each further slice along a row and along a column, as a tilted gantry
    does. `edit(dataset, k)` may change a slice's data set in any way; returning False drops it.
    """

    hu: np.ndarray = field(default_factory=ramp)
    spacing_mm: tuple[float, float, float] = (0.8, 0.7, 2.5)
    origin_mm: tuple[float, float, float] = (-20.0, -30.0, 100.0)
    direction: np.ndarray = field(default_factory=lambda: np.eye(3))
    lean_mm: tuple[float, float] = (0.0, 0.0)
    slope: float = 1
    intercept: float = -1024
    signed: bool = True
    syntax: str = ExplicitVRLittleEndian
    attributes: dict = field(default_factory=dict)
    edit: object = None
    prefix: str = "slice"
    study_uid: str = field(default_factory=generate_uid)
    series_uid: str = field(default_factory=generate_uid)

    def position(self, k):
        u, v, w = self.direction.T
        shift = k * (self.spacing_mm[2] * w + self.lean_mm[0] * u + self.lean_mm[1] * v)
        return np.asarray(self.origin_mm) + shift

    def raw(self, hu):
        raw = np.rint((hu.astype(np.float64) - self.intercept) / self.slope)
        return raw.astype(np.int16 if self.signed else np.uint16)

    def dataset(self, k):
        """The k-th slice with its pixels uncompressed."""
        ds = _plain_dataset(self)
        ds.SOPClassUID = CTImageStorage
        ds.SOPInstanceUID = generate_uid()
        ds.InstanceNumber = k + 1
        ds.ImagePositionPatient = [f"{part:.9g}" for part in self.position(k)]
        ds.ImageOrientationPatient = [f"{part:.9g}" for part in self.direction.T[:2].ravel()]
        ds.PixelSpacing = [self.spacing_mm[1], self.spacing_mm[0]]
        ds.SliceThickness = self.spacing_mm[2]
        ds.RescaleSlope, ds.RescaleIntercept = self.slope, self.intercept
        ds.PixelData = self.raw(self.hu[k]).tobytes()
        return ds

    def write(self, folder):
        """Writes one file a slice; the paths in the order of k."""
        paths = []
        for k in range(len(self.hu)):
            ds = self.dataset(k)
            with _any_value():
                for keyword, value in self.attributes.items():
                    setattr(ds, keyword, value)
                if self.edit is not None and self.edit(ds, k) is False:
                    continue
                paths.append(folder / f"{self.prefix}{(k * 7) % 1009:04d}")
                save(ds, paths[-1], self.syntax)
        return paths

    def write_enhanced(self, path, order=None):
        """Writes one enhanced multi-frame file, its frames in any order of k."""
        order = list(order or range(len(self.hu)))
        ds = _plain_dataset(self)
        ds.SOPClassUID, ds.SOPInstanceUID = EnhancedCTImageStorage, generate_uid()
        ds.NumberOfFrames = len(order)
        shared = Dataset()
        shared.PixelMeasuresSequence = _item(
            PixelSpacing=[self.spacing_mm[1], self.spacing_mm[0]], SliceThickness=2.5
        )
        shared.PlaneOrientationSequence = _item(
            ImageOrientationPatient=[float(part) for part in self.direction.T[:2].ravel()]
        )
        shared.PixelValueTransformationSequence = _item(
            RescaleSlope=self.slope, RescaleIntercept=self.intercept, RescaleType="HU"
        )
        shared.CTReconstructionSequence = _item(ConvolutionKernel="B30f")
        shared.CTXRayDetailsSequence = _item(KVP=100)
        ds.SharedFunctionalGroupsSequence = Sequence([shared])
        frames = []
        for k in order:
            frame = Dataset()
            frame.PlanePositionSequence = _item(
                ImagePositionPatient=[float(part) for part in self.position(k)]
            )
            frame.FrameContentSequence = _item(FrameAcquisitionDateTime=f"20200305101{k:03d}")
            frame.CTExposureSequence = _item(ExposureInmAs=100.0 + k)
            frames.append(frame)
        ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
        ds.PixelData = self.raw(self.hu[order]).tobytes()
        for keyword, value in self.attributes.items():
            setattr(ds, keyword, value)
        save(ds, path, self.syntax)


def save(ds, path, syntax=ExplicitVRLittleEndian):
    """Writes a data set with uncompressed pixels in a transfer syntax."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if "file_meta" in ds.__dict__:  # an edit has compressed it already
        syntax = ds.file_meta.TransferSyntaxUID
    else:
        encode(ds, syntax)
    ds.save_as(
        path,
        enforce_file_format=True,
        implicit_vr=syntax.is_implicit_VR,
        little_endian=syntax.is_little_endian,
    )


def encode(ds, syntax, **options):
    """Brings uncompressed pixels into a transfer syntax."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    if syntax in {JPEGLossless, JPEGLosslessSV1}:
        encapsulated(ds, [jpeg_lossless(frame) for frame in _frames(ds)], syntax)
    elif syntax.is_encapsulated:
        ds.compress(syntax, generate_instance_uid=False, **options)
    elif syntax == ExplicitVRBigEndian:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").astype(">u2").tobytes()
    ds.file_meta.TransferSyntaxUID = syntax


def encapsulated(ds, codestreams, syntax):
    """Puts compressed frames into a data set."""
    ds.file_meta = FileMetaDataset()
    ds.PixelData = encapsulate(codestreams)
    ds["PixelData"].is_undefined_length = True
    ds.file_meta.TransferSyntaxUID = syntax


def jpeg_lossless(frame):
    """The codestream of JPEG Lossless (process 14, selection value 1) by GDCM, inside SimpleITK."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "frame.dcm")
        writer = sitk.ImageFileWriter()
        writer.SetFileName(str(path))
        writer.SetImageIO("GDCMImageIO")
        writer.UseCompressionOn()
        writer.SetCompressor("JPEG")
        writer.Execute(sitk.GetImageFromArray(frame[None]))
        written = dcmread(path)
    assert written.file_meta.TransferSyntaxUID == JPEGLosslessSV1

    return get_frame(written.PixelData, 0, number_of_frames=1)


@contextmanager
def _any_value():
    """Without pydicom's warnings of values that no standard allows: some are written on purpose."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _frames(ds):
    dtype = np.int16 if ds.PixelRepresentation else np.uint16
    return np.frombuffer(ds.PixelData, dtype).reshape(-1, ds.Rows, ds.Columns)


def _plain_dataset(series):
    ds = Dataset()
    ds.PatientID, ds.PatientName = "4711", "Muster^Maria"
    ds.Modality, ds.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.StudyInstanceUID, ds.SeriesInstanceUID = series.study_uid, series.series_uid
    ds.FrameOfReferenceUID = series.study_uid
    ds.SeriesNumber, ds.SeriesDescription = 2, "arterial"
    ds.Rows, ds.Columns = series.hu.shape[1:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit = 15
    ds.PixelRepresentation = int(series.signed)
    return ds


def _item(**values):
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return Sequence([item])
