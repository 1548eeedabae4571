import re
from dataclasses import replace

import pytest

from components.reporting.deviation_notes import departures, departures_line
from components.reporting.report import render_report
from components.study.protocol import read_protocol
from flows.settings import PROTOCOLS

SOUND = ("sound", "demo", "smoke")
# Radiomics are computed beside the networks or not at all: no figure of the models changes.
NOT_A_METHOD = {
    *("study", "split", "imaging", "search", "radiomics", "report", "promotion", "nomogram"),
}
NO_DEPARTURE = {
    # Computed beside the models or not at all: no figure changes.
    "evaluation.decision_thresholds",
    "evaluation.nested",
    "evaluation.optimism_resamples",
    "evaluation.subgroups",
    "signature.stability_resamples",
    "clinical.predictors",
    "clinical.ridge_penalties",
    "clinical.two_step",
    "signature.cv_repeats",
    "signature.screen_scope",  # said with signature.screen_p_value
}


def fields(protocol):
    return {
        f"{section}.{name}": value
        for section, values in protocol.model_dump(mode="json").items()
        if isinstance(values, dict) and section not in NOT_A_METHOD
        for name, value in values.items()
    }


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_protocol_departs_in_nothing(name):
    found = departures(read_protocol(PROTOCOLS / f"{name}.yaml"))
    assert found == ()
    assert departures_line(found) is None


def test_every_choice_of_paper_that_differs_has_its_note():
    paper, demo = (read_protocol(PROTOCOLS / f"{name}.yaml") for name in ("paper", "demo"))
    ours, study = fields(demo), fields(paper)
    differ = {name for name in study if study[name] != ours[name]} - NO_DEPARTURE
    said = {one.option.partition(":")[0] for one in departures(paper)}
    assert said == differ


def test_without_networks_their_choices_changed_nothing():
    paper = read_protocol(PROTOCOLS / "paper.yaml")
    places = {one.place for one in departures(paper, has_networks=False, has_signature=False)}
    assert places == {"eligibility", "baseline", "predictors", "discrimination", "risk groups"}


def test_the_report_says_beside_each_figure_what_sound_does(content):
    paper = read_protocol(PROTOCOLS / "paper.yaml")
    html = render_report(replace(content, protocol=paper))
    sections = dict(re.findall(r'<section id="(\w+)">(.*?)</section>', html, flags=re.DOTALL))
    places = {"eligibility": "cohort", "baseline": "cohort", "label": "cohort"}
    places |= {"predictors": "arms", "discrimination": "arms", "risk groups": "arms"}
    for one in departures(paper):
        beside = sections[places.get(one.place, one.place)]
        assert one.option in beside, one.option
        assert one.option in sections["limitations"], one.option
    assert "The profile sound instead" not in render_report(content)
