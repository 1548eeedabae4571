import io
from dataclasses import replace

import pytest
from rich.console import Console

from components.reporting.summary import SummaryContent, render_summary
from components.reporting.summary_section import NULL_SIGNATURE


def printed(content) -> str:
    summary = SummaryContent(
        title=content.protocol.study.title,
        data=content.data,
        parts=content.parts,
        choice=content.choice,
        arms=content.arms,
        decision=content.decision,
        adaptations=content.adaptations,
        quarantined=content.quarantined,
        seconds=312.4,
        platform_seconds=61.0,
        places={"Report": ".armwise/report.html"},
        commands={"MLflow UI": "make ui"},
    )
    console = Console(file=io.StringIO(), width=140)
    console.print(render_summary(summary))
    return console.file.getvalue()


def test_summary_has_models_decision_adaptations_and_places(content):
    text = printed(content)
    for arm in content.arms:
        for one in arm.evaluations:
            assert one.estimates["c_harrell"].text().replace(" to ", "–") in text
    for expected in (
        content.data.md5,
        content.choice.backbone,
        f"Promotion: {content.decision.verdict}",
        content.adaptations[0].done,
        ".armwise/report.html",
        "make ui",
        "5 min 12 s in all",
        "these patients do not exist",
    ):
        assert expected in text


def test_first_line_says_when_the_signature_is_null(content, null_content):
    assert printed(null_content).startswith(NULL_SIGNATURE[:60])
    assert NULL_SIGNATURE[:60] not in printed(content)


@pytest.mark.parametrize("markup", ["[bold red]", "[/]"])
def test_text_is_not_read_as_markup(content, markup):
    adaptation = content.adaptations[0].model_copy(update={"done": f"{markup} done"})
    assert f"{markup} done" in printed(replace(content, adaptations=(adaptation,)))
