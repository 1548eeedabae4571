import dataclasses

import numpy as np
import pytest

from components.intake.phantom import PhantomPatient, draw_phantom
from components.intake.phantom_lesion import Signs

AVERAGE = Signs(rim=0, washout=0, necrosis=0, texture=0, capsule=0, satellites=0)
PATIENT = PhantomPatient(diameter_mm=55.0, location="right", is_cirrhotic=False, signs=AVERAGE)


def phantom_of(patient: PhantomPatient, seed: int = 1):
    return draw_phantom(patient, rng=np.random.default_rng(seed))


def figures(phantom) -> list[float]:
    """What a reader could measure: HU of rim, middle and tumor in both phases, heterogeneity."""
    z = phantom.roi.shape[0] // 2
    inside = phantom.roi[z] == 1
    rows, columns = np.nonzero(inside)
    distance = np.hypot(rows - rows.mean(), columns - columns.mean())
    outer = distance > 0.7 * distance.max()
    arterial = phantom.arterial[z][inside].astype(float)
    portal = phantom.portal_venous[z][inside].astype(float)
    liver = np.median(phantom.portal_venous[z][~inside])
    return [
        arterial[outer].mean() - arterial[~outer].mean(),
        portal[outer].mean() - liver,
        portal.mean() - liver,
        float((portal < 60).mean()),
        arterial.std(),
        portal.std(),
    ]


@pytest.mark.parametrize("diameter_mm", [12.0, 55.0, 98.0, 190.0])
def test_the_roi_has_the_patients_diameter(diameter_mm):
    patient = dataclasses.replace(PATIENT, diameter_mm=diameter_mm)
    for seed in range(3):
        phantom = phantom_of(patient, seed)
        largest = phantom.roi[phantom.roi.shape[0] // 2]
        rows, columns = np.nonzero(largest)
        points = np.column_stack([rows, columns]) * phantom.spacing_mm[0]
        turns = np.linspace(0, np.pi, 90)
        along = points @ np.array([np.sin(turns), np.cos(turns)])
        across = np.ptp(along, axis=0).max() + phantom.spacing_mm[0]
        assert across == pytest.approx(diameter_mm, rel=0.2, abs=2 * phantom.spacing_mm[0])
        assert across <= diameter_mm + 2 * phantom.spacing_mm[0]


def test_the_roi_lies_within_the_field_with_a_margin():
    for seed in range(6):
        phantom = phantom_of(PATIENT, seed)
        _, rows, columns = np.nonzero(phantom.roi)
        margin_mm = min(rows.min(), columns.min()) * phantom.spacing_mm[0]
        assert margin_mm > 12.0
        assert phantom.arterial.shape == phantom.portal_venous.shape == phantom.roi.shape
        assert phantom.arterial.dtype == phantom.portal_venous.dtype == np.int16


def test_tissue_has_plausible_attenuation():
    phantom = phantom_of(dataclasses.replace(PATIENT, location="both"))
    z = phantom.roi.shape[0] // 2
    outside = phantom.roi[z] == 0
    arterial, portal = phantom.arterial[z][outside], phantom.portal_venous[z][outside]
    liver = (portal > 85) & (portal < 135)
    assert 50 < np.median(arterial[liver]) < 85
    assert 90 < np.median(portal[liver]) < 125


def test_scanners_differ_in_spacing_and_noise():
    noise = {}
    for seed in range(12):
        phantom = phantom_of(PATIENT, seed)
        change = np.diff(phantom.portal_venous[0].astype(float), axis=1)
        noise.setdefault((phantom.scanner.name, phantom.spacing_mm), []).append(
            np.median(np.abs(change))
        )
    assert len(noise) == 3
    by_name = [np.mean(values) for _, values in sorted(noise.items())]
    assert by_name[0] > by_name[1] > by_name[2]


@pytest.mark.parametrize(
    ("sign", "place"),
    [("rim", 0), ("washout", 2), ("necrosis", 3)],
)
def test_a_sign_shows(sign, place):
    low, high = (
        [
            figures(
                phantom_of(
                    dataclasses.replace(
                        PATIENT, signs=dataclasses.replace(AVERAGE, **{sign: value})
                    ),
                    seed,
                )
            )[place]
            for seed in range(4)
        ]
        for value in (-1.5, 1.5)
    )
    direction = -1.0 if sign == "washout" else 1.0
    assert direction * (np.mean(high) - np.mean(low)) > 3 * np.std(low) / 2


def test_texture_shows_in_a_tumor_without_rim_and_necrosis():
    plain = dataclasses.replace(AVERAGE, rim=-3.0, necrosis=-3.0)
    sds = []
    for value in (-1.5, 0.0, 1.5):
        signs = dataclasses.replace(plain, texture=value)
        patient = dataclasses.replace(PATIENT, signs=signs)
        sds.append(np.mean([figures(phantom_of(patient, seed))[4] for seed in range(4)]))
    assert sds[1] > sds[0] + 2
    assert sds[2] > sds[1] + 3


def test_capsule_and_satellites_show_around_the_tumor():
    def brightest(signs):
        phantom = phantom_of(dataclasses.replace(PATIENT, signs=signs), 3)
        z = phantom.roi.shape[0] // 2
        near = _ring(phantom.roi[z] == 1)
        return phantom.portal_venous[z][near].mean(), phantom.arterial[z].std()

    bare = brightest(dataclasses.replace(AVERAGE, capsule=-1.5, satellites=-1.5))
    capsule = brightest(dataclasses.replace(AVERAGE, capsule=1.5, satellites=-1.5))
    assert capsule[0] > bare[0] + 15
    assert dataclasses.replace(AVERAGE, satellites=-1.5).n_satellites == 0
    assert dataclasses.replace(AVERAGE, satellites=1.5).n_satellites >= 4


def _ring(inside):
    grown = inside.copy()
    for axis in (0, 1):
        for step in (-1, 1):
            grown |= np.roll(inside, step, axis)
    return grown & ~inside


def test_the_latent_can_be_measured_in_the_images():
    rng = np.random.default_rng(11)
    latent = rng.standard_normal(70)
    measured = []
    for value in latent:
        signs = Signs(value, value, value, value, -value, value)
        patient = dataclasses.replace(PATIENT, signs=signs, diameter_mm=rng.uniform(30, 90))
        measured.append(figures(draw_phantom(patient, rng=rng)))
    design = np.column_stack([np.ones(len(latent)), measured])
    weights, *_ = np.linalg.lstsq(design[:45], latent[:45], rcond=None)
    assert np.corrcoef(design[45:] @ weights, latent[45:])[0, 1] > 0.9
