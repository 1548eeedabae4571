import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from components.networks.honesty_records import (
    ArmSignal,
    BackbonePair,
    NestedNetworks,
    NetworkChecks,
    ProbabilityCalibration,
    SeedSpread,
    Temperature,
)
from components.reporting.report import render_report, write_report
from components.reporting.summary_section import NULL_SIGNATURE, summary_section
from components.reporting.tripod import TRIPOD_ITEMS, Answer
from components.study.vocabulary import TreatmentArm
from components.survival.label_calibration import LabelCalibration

HOSTILE = '<script>alert("1")</script>&<img src=x onerror=alert(1)>'
LARGEST_BYTES = 8_000_000
VOID = {"meta", "img", "br", "link", "hr"}


class Page(HTMLParser):
    """Elements, what they refer to, their text, and tags that were never closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data

    def of(self, name: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag == name]


@pytest.fixture(scope="module")
def html(content) -> str:
    return render_report(content)


@pytest.fixture(scope="module")
def page(html) -> Page:
    return Page(html)


def test_page_is_well_formed_and_below_the_size_limit(html, page):
    assert page.open == []
    assert len(html.encode()) < LARGEST_BYTES


def test_page_loads_nothing_from_elsewhere_and_runs_no_script(html, page):
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in page.tags}
    assert all(image["src"].startswith("data:image/") for image in page.of("img"))
    assert all(link["href"].startswith("#") for link in page.of("a"))
    assert not re.search(r"url\(|@import|\bon\w+=", re.sub(r"data:[^\"]*", "", html))


def test_every_link_of_the_contents_leads_to_a_section(page):
    ids = [attrs["id"] for _, attrs in page.tags if attrs.get("id")]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in page.of("a")} <= set(ids)


def test_every_picture_has_a_description(page):
    assert len(page.of("img")) >= 10
    assert all(len(image["alt"]) > 20 for image in page.of("img"))


def test_six_models_stand_in_the_summary_with_intervals(content, page):
    for arm in content.arms:
        for one in arm.evaluations:
            text = one.estimates["c_harrell"].text()
            assert text in page.text.replace("\u00a0", " ")


def test_not_estimable_horizon_says_why(content, page):
    tace = next(arm for arm in content.arms if arm.horizons_not_estimable)
    for reason in tace.horizons_not_estimable.values():
        assert reason in page.text


def test_everybody_set_aside_is_named_with_the_reason(content, page):
    for one in content.quarantined:
        assert one.patient_id in page.text
        assert one.reason in page.text


def test_provenance_and_protocol_are_complete(content, page):
    for fact in (
        content.data.md5,
        content.data.split_hash,
        content.provenance.git_commit,
        content.protocol.hash(),
        content.provenance.mlflow_run_id,
        content.protocol_text.strip(),
        content.protocol.report.ethics,
        content.readings[0].purpose,
        content.adaptations[0].done,
    ):
        assert fact in page.text


def test_null_signature_is_the_first_line_of_the_summary(null_content, page):
    first = summary_section(null_content).blocks[0]
    assert first.text == NULL_SIGNATURE
    assert NULL_SIGNATURE not in page.text


def test_synthetic_data_are_said_to_be_so(page):
    assert page.text.count("SYNTHETIC DATA") == 1


def test_text_from_outside_is_escaped_and_real_data_are_not_called_synthetic(real_content):
    content = real_content
    protocol = content.protocol.model_copy(
        update={
            "study": content.protocol.study.model_copy(update={"title": HOSTILE}),
            "report": content.protocol.report.model_copy(update={"funding": HOSTILE}),
        }
    )
    quarantined = tuple(one.model_copy(update={"reason": HOSTILE}) for one in content.quarantined)
    hostile = replace(content, protocol=protocol, quarantined=quarantined, protocol_text=HOSTILE)
    html = render_report(hostile)
    assert "<script" not in html
    assert "<img src=x" not in html
    text = Page(html).text
    assert text.count(HOSTILE) >= 5
    assert "SYNTHETIC" not in text


def test_same_records_give_the_same_bytes(content, html, tmp_path):
    assert write_report(content, tmp_path / "a" / "report.html").read_text("utf-8") == html


def test_tripod_items_point_to_sections_of_the_report(page):
    anchors = {section["id"] for section in page.of("section")}
    for item in TRIPOD_ITEMS:
        assert (item.section is None) == (item.answer is Answer.NO)
        assert item.section is None or item.section in anchors
        assert item.answer is Answer.YES or item.remark


def test_tripod_has_all_52_items_once():
    numbers = [item.number for item in TRIPOD_ITEMS]
    assert len(numbers) == len(set(numbers)) == 52
    assert {int(re.match(r"\d+", number).group()) for number in numbers} == set(range(1, 28))


@pytest.fixture(scope="module")
def arm_only_content(content):
    """A report whose chosen network knows the arm and nothing else."""
    near = content.choice.rows[0].pooled_auc.model_copy(
        update={"value": 0.5, "lower": 0.45, "upper": 0.55}
    )
    signal = ArmSignal(
        verdict="arm_only",
        within=near,
        pooled=content.choice.rows[0].pooled_auc,
        arm_only=content.choice.rows[0].arm_only_auc,
        pooled_minus_arm_only=near,
        n_configurations=12,
    )
    pair = BackbonePair(first="resnet18", second="resnet50", difference=near, p=0.5, p_holm=1.0)
    found = LabelCalibration(in_the_large=near, slope=near, bins=())
    calibration = ProbabilityCalibration(
        by_arm={TreatmentArm.TACE: found},
        pooled=found,
        temperature=Temperature(
            temperature=2.5,
            horizon_days=1095,
            n_patients=200,
            log_loss_before=0.9,
            log_loss_after=0.6,
        ),
    )
    rows = tuple(
        row.model_copy(update={"signal": signal, "calibration": calibration})
        for row in content.choice.rows
    )
    choice = content.choice.model_copy(update={"rows": rows, "pairs": (pair,)})
    nested = NestedNetworks(
        estimate=near,
        by_arm=dict.fromkeys(content.choice.rows[0].arm_targets, near),
        values=((0.48, 0.52, None),),
        sd_folds=0.02,
        sd_repeats=None,
        chosen={"resnet18": 3},
        missing={"training diverged": 1},
        n_folds=3,
        n_repeats=1,
        inner_folds=3,
        n_configurations=2,
        epochs=4,
        level=0.95,
        seed=1,
    )
    seeds = SeedSpread(
        configuration="resnet18-0", values=(0.6, 0.55), sd=0.035, lowest=0.55, highest=0.6
    )
    checks = NetworkChecks(nested=nested, seeds=seeds)
    return replace(content, choice=choice, network_checks=checks)


def test_a_network_that_knows_only_the_arm_is_named_first(arm_only_content, content):
    said = "tell the arms apart, not the patients"

    assert said in summary_section(arm_only_content).blocks[0].text
    text = Page(render_report(arm_only_content)).text
    assert text.count(said) == 2
    assert "Backbones against each other" in text
    assert "Honest figure of the search, by 1 draw of 3 outer folds: 0.500" in text
    assert "Temperature 2.50" in text
    assert "1 fold without a mean: training diverged" in text
    assert "under 2 seeds (the first is the search's own; SD 0.035, 0.550 to 0.600)" in text
    assert said not in Page(render_report(content)).text


def test_the_labels_that_networks_learn_from_stand_beside_the_backbones(page):
    assert "What the networks learn from: training patients by risk label" in page.text
    assert "No nested cross-validation of the networks was made" in page.text
