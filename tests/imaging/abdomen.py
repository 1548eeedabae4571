"""Whole-abdomen CT phantoms in two contrast phases, made apart from the rule that judges phases.

A patient is drawn from published ranges: aortic, hepatic and portal enhancement by phase (Bae 2010,
10.1148/radiol.10090908; Foley 2000, 10.2214/ajr.175.3.1750679), iodine contrast by tube voltage,
fatty and iron-laden livers, osteoporosis, calcified and tortuous aortas, breathing between the
phases. Each phase is scanned on a grid of its own. Positions are mm in the patient's LPS frame.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from scipy import ndimage

from components.imaging.volume import Geometry, Volume

KVP_GAIN = {80: 1.6, 100: 1.25, 120: 1.0, 140: 0.9}
FLIPS = tuple(np.diag([x, y, z]) for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0))


@dataclass(frozen=True)
class Contrast:
    """Enhancement (HU at 120 kVp, above unenhanced tissue) in one phase."""

    aorta: float
    liver: float
    portal_vein: float
    cava: float
    spleen: float
    cortex: float
    medulla: float
    tumor: float


NO_CONTRAST = Contrast(0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True)
class Ranges:
    """From where a patient is drawn; `wide` is the second parametrisation, held out."""

    half_width_mm: tuple[float, float] = (145, 190)
    half_depth_mm: tuple[float, float] = (95, 135)
    aorta_radius_mm: tuple[float, float] = (8, 13)
    tortuous_mm: tuple[float, float] = (0, 6)
    marrow_hu: tuple[float, float] = (110, 220)
    unenhanced_liver_hu: tuple[float, float] = (40, 65)
    early_aorta: tuple[float, float] = (170, 320)
    early_liver: tuple[float, float] = (3, 22)
    late_aorta: tuple[float, float] = (85, 130)
    late_liver: tuple[float, float] = (38, 65)
    breathing_mm: tuple[float, float] = (-10, 10)
    height_mm: tuple[float, float] = (180, 260)
    slice_mm: tuple[float, ...] = (3.0, 4.0, 5.0)
    pixel_mm: tuple[float, float] = (2.4, 3.4)
    noise_hu: tuple[float, float] = (12, 12)
    field_mm: tuple[float, float] = (340, 420)
    tilt_degrees: float = 4.0
    calcified: float = 0.4
    oral_contrast: float = 0.15


WIDE = Ranges(
    half_width_mm=(130, 215),
    half_depth_mm=(85, 160),
    aorta_radius_mm=(7, 16),
    tortuous_mm=(0, 11),
    marrow_hu=(70, 270),
    unenhanced_liver_hu=(10, 75),
    early_aorta=(130, 380),
    early_liver=(0, 28),
    late_aorta=(75, 150),
    late_liver=(25, 75),
    breathing_mm=(-20, 20),
    height_mm=(150, 320),
    slice_mm=(1.5, 2.5, 3.0, 5.0),
    pixel_mm=(2.0, 4.0),
    noise_hu=(8, 18),
    field_mm=(290, 480),
    tilt_degrees=9.0,
    calcified=0.7,
    oral_contrast=0.3,
)


@dataclass(frozen=True)
class Patient:
    """Everything about a patient that both phases share, drawn once."""

    ranges: Ranges
    numbers: dict[str, float] = field(default_factory=dict)
    gain: float = 1.0
    seed: int = 0

    def __getattr__(self, name: str) -> float:
        try:
            return self.numbers[name]
        except KeyError:
            raise AttributeError(name) from None


def draw_patient(seed: int, ranges: Ranges = Ranges()) -> Patient:
    """A patient by number; the same number is the same patient."""
    rng = np.random.default_rng([seed, 77 if ranges is WIDE else 11])
    one = rng.uniform
    numbers = {
        "wide": one(*ranges.half_width_mm),
        "deep": one(*ranges.half_depth_mm),
        "fat": one(0.06, 0.22),
        "aorta_mm": one(*ranges.aorta_radius_mm),
        "aorta_left": one(0, 20),
        "aorta_gap": one(0, 6),
        "tortuous": one(*ranges.tortuous_mm),
        "marrow": one(*ranges.marrow_hu),
        "cortical": one(350, 650),
        "vertebra_wide": one(18, 26),
        "vertebra_deep": one(13, 19),
        "level_mm": one(32, 42),
        "back_mm": one(74, 92) + 0.12 * one(0, 90),
        "lordosis": one(0, 14),
        "scoliosis": one(-12, 12),
        "liver_hu": one(*ranges.unenhanced_liver_hu),
        "liver_size": one(0.8, 1.2),
        "calcified": float(one() < ranges.calcified),
        "oral": float(one() < ranges.oral_contrast),
        "tumor_mm": one(8, 55),
        "dome_mm": one(35, 80),
        "turn": one(-4, 4),
    }
    gain = KVP_GAIN[int(rng.choice(list(KVP_GAIN)))] * one(0.85, 1.15)
    return Patient(ranges, numbers, gain, seed)


def draw_contrast(patient: Patient, phase: str) -> Contrast:
    """A patient's enhancement in the late (or early) arterial or portal venous phase."""
    rng = np.random.default_rng([patient.seed, 5, len(phase)])
    one, ranges = rng.uniform, patient.ranges
    if phase == "arterial":
        late = one()  # from an early to a late arterial phase the veins fill
        liver = ranges.early_liver[0] + late * np.diff(ranges.early_liver)[0]
        return Contrast(
            aorta=one(*ranges.early_aorta),
            liver=float(liver),
            portal_vein=10 + 90 * late,
            cava=10 + 70 * late * one(0.5, 1),
            spleen=60 + 50 * late,
            cortex=one(90, 170),
            medulla=20 + 40 * late,
            tumor=float(liver) + one(10, 60),
        )
    # Contrast in the artery has passed: whatever the dose, it is less than it was.
    aorta = min(one(*ranges.late_aorta), 0.8 * draw_contrast(patient, "arterial").aorta)
    liver = one(*ranges.late_liver)
    return Contrast(
        aorta=aorta,
        liver=liver,
        portal_vein=aorta + one(0, 30),
        cava=aorta * one(0.6, 1.0),
        spleen=aorta * one(0.6, 0.9),
        cortex=aorta + one(10, 50),
        medulla=aorta + one(-20, 40),
        tumor=liver - one(5, 35),
    )


def scan(patient: Patient, contrast: Contrast, *, scan_seed: int, moved_mm: float = 0.0) -> Volume:
    """A CT of the patient on a grid drawn for this scan, in HU as whole numbers."""
    rng = np.random.default_rng([patient.seed, 31, scan_seed])
    geometry = _grid(patient, rng)
    index = [np.arange(n, dtype=np.float32) for n in geometry.size]
    axes = geometry.direction * geometry.spacing_mm
    x, y, z = (
        geometry.origin_mm[row]
        + axes[row, 0] * index[0][None, None, :]
        + axes[row, 1] * index[1][None, :, None]
        + axes[row, 2] * index[2][:, None, None]
        for row in range(3)
    )
    shape = np.broadcast_shapes(x.shape, y.shape, z.shape)
    full = (np.broadcast_to(axis, shape).astype(np.float32) for axis in (x, y, z))
    hu = _Painter(patient, contrast, moved_mm, *full).abdomen()
    hu = ndimage.gaussian_filter(hu, (0.3, 0.5, 0.5))
    hu += rng.normal(0.0, rng.uniform(*patient.ranges.noise_hu), shape)
    return Volume(np.clip(np.rint(hu), -1024, 3071).astype(np.int16), geometry)


def two_phases(seed: int, ranges: Ranges = Ranges()) -> tuple[Volume, Volume]:
    """Arterial and portal venous CT of a patient, each on its own grid."""
    patient = draw_patient(seed, ranges)
    moved = np.random.default_rng([seed, 3]).uniform(*ranges.breathing_mm)
    return (
        scan(patient, draw_contrast(patient, "arterial"), scan_seed=1),
        scan(patient, draw_contrast(patient, "portal_venous"), scan_seed=2, moved_mm=moved),
    )


def tumor_points(patient: Patient) -> np.ndarray:
    """Positions (n, 3) in mm of the tumor, as a reader would outline it in the arterial phase."""
    steps = np.arange(-patient.tumor_mm, patient.tumor_mm + 1, 3.0)
    offsets = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)
    inside = offsets[np.linalg.norm(offsets, axis=1) <= patient.tumor_mm]
    return inside + np.array(_tumor_middle(patient))


def _tumor_middle(patient: Patient) -> tuple[float, float, float]:
    return -0.5 * patient.wide, -0.1 * patient.deep, 25.0


def _grid(patient: Patient, rng: np.random.Generator) -> Geometry:
    """A field around the abdomen, its rows and slices running any way, tilted a little."""
    ranges = patient.ranges
    pixel = rng.uniform(*ranges.pixel_mm)
    step = float(rng.choice(ranges.slice_mm))
    side = rng.uniform(*ranges.field_mm)
    height = np.random.default_rng([patient.seed, 9]).uniform(*ranges.height_mm)
    n, n_slices = int(side / pixel), int(height / step)
    tilt = np.deg2rad(rng.uniform(-ranges.tilt_degrees, ranges.tilt_degrees, 2))
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(tilt[0]), -np.sin(tilt[0])], [0, np.sin(tilt[0]), np.cos(tilt[0])]]
    )
    about_z = np.array(
        [[np.cos(tilt[1]), -np.sin(tilt[1]), 0], [np.sin(tilt[1]), np.cos(tilt[1]), 0], [0, 0, 1]]
    )
    direction = about_x @ about_z @ FLIPS[rng.integers(len(FLIPS))]
    size, spacing = (n, n, n_slices), np.array([pixel, pixel, step])
    middle = rng.uniform(-8, 8, 3) + np.array([0.0, 0.0, -20.0])
    origin = middle - direction @ (0.5 * (np.array(size) - 1) * spacing)
    return Geometry(size, spacing, origin, direction)


@dataclass
class _Painter:
    """Tissue at positions: x to the left, y to the back, z to the head, from the body's middle."""

    patient: Patient
    contrast: Contrast
    moved_mm: float
    x: np.ndarray
    y: np.ndarray
    z: np.ndarray

    def abdomen(self) -> np.ndarray:
        p, c = self.patient, self.contrast
        self.spine_x = p.scoliosis * np.sin(self.z / 90)
        self.spine_y = p.deep - p.back_mm + p.lordosis * (np.cos(self.z / 70) - 1)
        self.hu = np.full(self.x.shape, -1000.0, dtype=np.float32)
        self._wall()
        moved = replace(self, z=self.z - self.moved_mm)
        moved.inner = self.inner
        for organ in ("_liver", "_spleen_kidneys", "_gut"):
            getattr(moved, organ)(self.hu, c)
        moved._lungs(self.hu)
        self._vessels()
        self._spine()
        return self.hu

    def _wall(self) -> None:
        p = self.patient
        body = np.abs(self.x / p.wide) ** 2.3 + np.abs(self.y / p.deep) ** 2.3
        table = (np.abs(self.y - p.deep - 6 - 0.0006 * self.x**2) < 2) & (np.abs(self.x) < 210)
        self.hu[table] = -150
        self.hu[body < 1] = -105
        inner = body ** (1 / 2.3)
        edge = 1 - p.fat
        self.hu[(inner < edge) & (inner > edge - 0.09)] = 55
        self.inner = inner / (edge - 0.09)
        angle = np.arctan2(self.y / p.deep, self.x / p.wide)
        rib = np.cos(14 * angle + self.z / 9) > 0.55
        self.hu[rib & (np.abs(inner - edge + 0.045) < 0.03) & (self.z > -60) & (self.y > -60)] = 320

    def _liver(self, hu: np.ndarray, c: Contrast) -> None:
        p = self.patient
        s = p.liver_size
        right = _ball(
            self, (-0.48 * p.wide, -0.02 * p.deep, 20), (0.4 * p.wide * s, 0.7 * p.deep, 85 * s)
        )
        left = _ball(
            self, (-0.08 * p.wide, -0.45 * p.deep, 35), (0.45 * p.wide * s, 0.35 * p.deep, 45)
        )
        liver = ((right < 1) | (left < 1)) & (self.inner < 1)
        hu[liver] = p.liver_hu + p.gain * c.liver
        for n in range(4):  # vessels within
            line = np.abs(self.x + 0.4 * p.wide + 20 * np.sin(n + self.y / 30)) + np.abs(
                self.z - 20 * n + 10
            )
            hu[liver & (line < 5)] = 42 + p.gain * c.portal_vein
        tumor = _ball(self, _tumor_middle(p), (p.tumor_mm,) * 3)
        hu[liver & (tumor < 1)] = 45 + p.gain * c.tumor
        hu[liver & (tumor < 0.15)] = 25
        bladder = _ball(self, (-0.3 * p.wide, -0.5 * p.deep, -40), (16, 18, 26))
        hu[(bladder < 1) & (self.inner < 1)] = 12

    def _spleen_kidneys(self, hu: np.ndarray, c: Contrast) -> None:
        p = self.patient
        spleen = _ball(self, (0.62 * p.wide, 0.3 * p.deep, 40), (28, 42, 48))
        hu[(spleen < 1) & (self.inner < 1)] = 50 + p.gain * c.spleen
        for side in (-1, 1):
            kidney = _ball(self, (side * 0.4 * p.wide, 0.42 * p.deep, -45 + 8 * side), (26, 28, 52))
            hu[(kidney < 1) & (self.inner < 1)] = 32 + p.gain * c.cortex
            hu[kidney < 0.5] = 32 + p.gain * c.medulla
            hu[kidney < 0.08] = -60

    def _gut(self, hu: np.ndarray, c: Contrast) -> None:
        p = self.patient
        stomach = _ball(self, (0.4 * p.wide, -0.3 * p.deep, 30), (45, 35, 50))
        hu[(stomach < 1) & (self.inner < 1)] = 400 if p.oral else 20
        hu[(stomach < 0.7) & (self.y < -0.4 * p.deep)] = -900
        for n in range(9):
            at = ((n % 5 - 2) * 0.28 * p.wide, (-0.5 + 0.12 * (n % 3)) * p.deep, -60 - 14 * (n % 4))
            loop = _ball(self, at, (18, 14, 22))
            inside = (loop < 1) & (self.inner < 1)
            hu[inside] = 40 + 0.5 * p.gain * c.liver
            hu[inside & (loop < 0.5)] = (-700, 350 if p.oral else 15, 25)[n % 3]

    def _lungs(self, hu: np.ndarray) -> None:
        p = self.patient
        for side in (-1, 1):
            dome = p.dome_mm + 15 * side - 0.004 * ((self.x - side * 80) ** 2 + self.y**2)
            lung = (self.z > 1.1 * dome + 25) & (side * self.x > 22) & (self.inner < 0.98)
            hu[lung] = -840

    def _vessels(self) -> None:
        p, c = self.patient, self.contrast
        down = np.clip((40 - self.z) / 150, 0, 1)
        front = self.spine_y - p.vertebra_deep
        wave = p.tortuous * np.sin(self.z / 35)
        aorta_x = self.spine_x + p.aorta_left * (1 - down) + 3 + wave
        aorta_y = front - p.aorta_mm - p.aorta_gap + 0.6 * p.aorta_left * (1 - down)
        radius = p.aorta_mm * (1 - 0.25 * down)
        self._tube(self.spine_x - 24, front - 12, 11, 42 + p.gain * c.cava)
        crus = np.hypot(self.x - aorta_x, self.y - aorta_y) < radius + 4
        self.hu[crus & (self.z > -10) & (self.inner < 1)] = 55
        for y, z in ((-1, 10), (-1, -8)):  # celiac trunk and superior mesenteric artery
            root = (np.abs(self.z - z) < 4) & (np.abs(self.x - aorta_x) < 4)
            self.hu[root & (self.y < aorta_y) & (self.y > aorta_y - 30) & (y < 0)] = (
                40 + p.gain * c.aorta
            )
        portal = np.hypot(self.y - front + 42, self.z - 5 + 0.5 * self.x)
        self.hu[(portal < 7) & (self.x < 20) & (self.x > -0.35 * p.wide)] = (
            42 + p.gain * c.portal_vein
        )
        self._tube(aorta_x, aorta_y, radius, 40 + p.gain * c.aorta)
        if p.calcified:
            wall = np.abs(np.hypot(self.x - aorta_x, self.y - aorta_y) - radius) < 1.6
            angle = np.arctan2(self.y - aorta_y, self.x - aorta_x)
            self.hu[wall & (np.cos(angle * 2 + self.z / 13) > 0.5) & (np.cos(self.z / 7) > 0)] = 700

    def _tube(self, x: np.ndarray, y: np.ndarray, radius: np.ndarray | float, hu: float) -> None:
        self.hu[np.hypot(self.x - x, self.y - y) < radius] = hu

    def _spine(self) -> None:
        p = self.patient
        x, y = self.x - self.spine_x, self.y - self.spine_y
        level = np.mod(self.z, p.level_mm) / p.level_mm
        disc = level > 0.8
        oval = np.sqrt((x / p.vertebra_wide) ** 2 + (y / p.vertebra_deep) ** 2)
        for side in (-1, 1):  # psoas and erector muscles
            self.hu[np.hypot(x - side * 42, y + 2) < 17] = 58
            self.hu[np.hypot((x - side * 34) / 1.4, y - 44) < 20] = 55
        end_plate = (level < 0.1) | ((level > 0.7) & ~disc)
        self.hu[oval < 1] = np.where(disc, 85, np.where(end_plate, 1.6 * p.marrow, p.marrow))[
            oval < 1
        ]
        self.hu[(oval < 1) & (oval > 0.86) & ~disc] = 0.6 * p.cortical
        behind = p.vertebra_deep + 9
        canal = np.hypot(x, y - behind)
        arch = (
            (canal < 15)
            & (canal > 9)
            & ((y < behind + 4) & (level < 0.45) | (y > behind + 4) & (level < 0.75))
        )
        self.hu[arch & (oval > 1)] = 0.8 * p.cortical
        self.hu[canal < 9] = 35
        spinous = (np.abs(x) < 4) & (y > behind + 12) & (y < behind + 36) & (level < 0.6)
        self.hu[spinous] = 0.6 * p.cortical
        wings = (
            (np.abs(y - behind) < 5)
            & (np.abs(x) > 12)
            & (np.abs(x) < 38)
            & (level > 0.2)
            & (level < 0.4)
        )
        self.hu[wings] = 0.6 * p.cortical


def _ball(at: _Painter, middle: tuple[float, ...], radii: tuple[float, ...]) -> np.ndarray:
    """1 on the surface of an ellipsoid, less inside."""
    return sum(
        ((axis - m) / r) ** 2 for axis, m, r in zip((at.x, at.y, at.z), middle, radii, strict=True)
    )
