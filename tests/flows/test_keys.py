import shutil

import pytest

from components.study.protocol import read_protocol
from flows import keys
from flows.plan import RETRAIN_STEPS, make_plan
from flows.settings import PROTOCOLS


@pytest.fixture
def protocol():
    return read_protocol(PROTOCOLS / "demo.yaml")


FROM_ARMS_ON = {
    "arms", "optimism", "subgroups", "baselines", "nomograms", "publish", "report",
}  # fmt: skip


def changed(protocol, section, **values):
    part = getattr(protocol, section).model_copy(update=values)
    return protocol.model_copy(update={section: part})


def differing(a, b):
    return {name for name in a.keys if a.keys[name] != b.keys[name]}


def test_a_change_reaches_the_steps_after_it_and_no_others(protocol):
    before = make_plan(protocol, "abc.dir", place="here")
    after = make_plan(changed(protocol, "signature", cv_repeats=7), "abc.dir", place="here")
    assert differing(before, after) == {"signature", *FROM_ARMS_ON}
    after = make_plan(
        changed(protocol, "clinical", ridge_penalties=(1.0,)), "abc.dir", place="here"
    )
    assert differing(before, after) == FROM_ARMS_ON
    after = make_plan(changed(protocol, "report", funding="A fund."), "abc.dir", place="here")
    assert differing(before, after) == {"publish", "report"}
    assert before.key != after.key


def test_other_data_are_another_retraining_in_every_step(protocol):
    a, b = (make_plan(protocol, md5, place="here") for md5 in ("abc.dir", "abd.dir"))
    assert differing(a, b) == {step.name for step in RETRAIN_STEPS}


def test_another_registry_repeats_only_what_lives_there(protocol):
    a, b = (make_plan(protocol, "abc.dir", place=place) for place in ("here", "there"))
    assert differing(a, b) == {"publish", "report"}


def append(path, text):
    path.write_text(path.read_text() + text)


def test_a_key_follows_the_source_of_what_is_imported(tmp_path, monkeypatch):
    shutil.copytree(keys._ROOT / "components", tmp_path / "components")
    shutil.copytree(keys._ROOT / "flows", tmp_path / "flows")
    monkeypatch.setattr(keys, "_ROOT", tmp_path)

    def hashes():
        keys.source_hash.cache_clear()
        return [keys.source_hash(f"flows.tasks.{name}") for name in ("cohort", "arms", "report")]

    try:
        before = hashes()
        append(tmp_path / "components/survival/cox.py", "# another baseline")
        cohort, arms, report = hashes()
        assert cohort == before[0]
        assert arms != before[1]
        assert report != before[2]
        template = next((tmp_path / "components/reporting/templates").glob("*.j2"))
        append(template, "<!-- more -->")
        assert hashes()[:2] == [cohort, arms]
        assert hashes()[2] != report
    finally:
        keys.source_hash.cache_clear()


def test_every_step_has_a_module_and_known_parts_of_the_protocol(protocol):
    for step in RETRAIN_STEPS:
        assert keys._file_of(step.module) is not None
        assert protocol.hash(step.parts)
