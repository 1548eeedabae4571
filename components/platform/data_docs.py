"""Great Expectations' page of a validation, without patients' values and without a network.

Its own page loads styles and scripts from elsewhere, which neither a hospital's network nor
MLflow's file viewer lets through; and it lists the values that it found. Both are taken out.
"""

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from components.cohort.gate_records import ValidationReport, named

_VALUES = (
    "unexpected_list",
    "partial_unexpected_list",
    "partial_unexpected_counts",
    "unexpected_index_query",
    "unexpected_index_list",
    "partial_unexpected_index_list",
    "details",
)
"""Fields of a result that hold cells of the table."""

_MEDIAN = "expect_column_median_to_be_between"
_NO_EXCEPTION = {
    "raised_exception": False,
    "exception_message": None,
    "exception_traceback": None,
}

_NOT_SELF_CONTAINED = re.compile(
    r"<script.*?</script>|<link\b[^>]*>|<nav class=\"navbar.*?</nav>|<footer.*?</footer>"
    r"|background: url\([^)]*\)[^;]*;",
    re.DOTALL,
)
# A warning alone is a failure to Great Expectations, and none to the gate, which says it above.
_STATUS = re.compile(r"<br>\s*<span class=\"h6\" >Status:</span>.*?(?:Failed|Succeeded)", re.DOTALL)
_LINK = re.compile(r"<a href=\"\.\./[^\"]*\"[^>]*>(.*?)</a>", re.DOTALL)
_ACTIONS = re.compile(r"<div class=\"card mb-3\">.*?(?=<div class=\"card d-md-block)", re.DOTALL)

_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1b2733; background: #fff; margin: 0; }
.container-fluid { max-width: 1100px; margin: 0 auto; padding: 12px 24px; }
.container-fluid .container-fluid { padding: 0; }
table { border-collapse: collapse; width: 100%; margin: 6px 0 18px; }
th, td { text-align: left; vertical-align: top; padding: 5px 10px; }
th, td { border-bottom: 1px solid #dfe5eb; }
th { background: #f2f5f8; font-weight: 600; }
td p { margin: 0; }
.alert { background: #e9eff5; padding: 6px 10px; border-radius: 4px; }
h4, h5, h6 { margin: 6px 0; font-size: 1.05em; } h4 { font-size: 1.5em; }
.card { border: 1px solid #dfe5eb; border-radius: 4px; padding: 8px 14px; margin: 8px 0; }
.card ul { columns: 4; margin: 4px 0; padding-left: 18px; } .card strong { font-weight: 500; }
a { color: #24527a; }
.badge { background: #eef2f6; border-radius: 3px; padding: 0 5px; margin-right: 3px; }
.fa-check-circle::before { content: "\\2713\\a0 met"; color: #1d6f42; font-style: normal; }
.fa-times::before { content: "\\2717\\a0 not met"; color: #a32020; font-style: normal; }
i { white-space: nowrap; }
[hidden], .d-none.d-md-inline-flex { display: none; }
</style>"""


def render_page(answer: Any, path: Path, *, report: ValidationReport) -> Path:
    """Write the page of a validation and return its path; the result's values are removed.

    Args:
        answer: Great Expectations' result object; changed in place.
        path: The HTML file to write.
        report: What the gate says of it, shown above: why the flow stops, who goes into quarantine,
            what is warned of, what could not be judged.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    for row in answer.results:
        _forget_values(row)
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(answer)
    page = DefaultJinjaPageView().render(document)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(_self_contained(page, _gate(report)), encoding="utf-8")
    return path


def _forget_values(row: Any) -> None:
    for field in _VALUES:
        row.result.pop(field, None)
    # A library's error can quote the cell that it met.
    row.exception_info = dict(_NO_EXCEPTION)
    observed = row.result.get("observed_value")
    if row.expectation_config.type == _MEDIAN:  # of an odd number of patients it is one's value
        row.result.pop("observed_value", None)
    elif observed is not None:  # a share of empty cells; the page refuses numpy's numbers
        row.result["observed_value"] = float(observed)


def _self_contained(page: str, ours: str) -> str:
    page = _NOT_SELF_CONTAINED.sub("", page)
    page = _ACTIONS.sub("", page)
    page = _STATUS.sub("", page)
    page = _LINK.sub(r"\1", page)
    page = page.replace("Data asset: None<br>", "")
    page = page.replace("</head>", f'<meta charset="utf-8">{_STYLE}</head>', 1)
    return page.replace('<div id="section-1"', f'{ours}<div id="section-1"', 1)


def _gate(report: ValidationReport) -> str:
    """The gate's answer: stop, quarantine, warnings, what could not be judged."""
    held = [(one.patient_id, one.reason) for one in report.quarantined]
    warned = [(one.reason, _count(one.n_judged, one.subjects)) for one in report.warnings]
    open_rules = [(one.rule, one.why) for one in report.not_assessable]
    return "".join(
        (
            _verdict(report.stopped_by),
            _table("Quarantine", f"{len(held)} set aside", ("Patient", "Reason"), held),
            _table("Warnings", f"{len(warned)}", ("Rule not met", "Whom it concerns"), warned),
            _table(
                "Not assessable",
                f"{len(open_rules)} rules, not met and not broken",
                ("Rule", "Why"),
                open_rules,
            ),
        )
    )


def _verdict(stopped_by: Sequence[str]) -> str:
    if not stopped_by:
        return "<h5>The flow goes on</h5>"
    reasons = "".join(f"<li>{html.escape(reason)}</li>" for reason in stopped_by)
    return f"<h5>The flow stops</h5><ul>{reasons}</ul>"


def _count(n_judged: int, subjects: Sequence[str]) -> str:
    if not subjects:
        return "the column as a whole"
    return f"{len(subjects)} of {n_judged}: {named(subjects)}"


def _table(
    title: str, counted: str, heads: tuple[str, str], rows: Iterable[tuple[str, str]]
) -> str:
    lines = [
        f"<tr><td>{html.escape(first)}</td><td>{html.escape(second)}</td></tr>"
        for first, second in rows
    ]
    if not lines:
        return f"<h5>{title}: none</h5>"
    head = "".join(f"<th>{one}</th>" for one in heads)
    return f"<h5>{title}: {counted}</h5><table><tr>{head}</tr>{''.join(lines)}</table>"
