"""Great Expectations' page of a validation, without patients' values and without a network.

Its own page loads styles and scripts from elsewhere, which neither a hospital's network nor
MLflow's file viewer lets through; and it lists the values that it found. Both are taken out.
"""

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from components.study.results import Quarantined

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

_NOT_SELF_CONTAINED = re.compile(
    r"<script.*?</script>|<link\b[^>]*>|<nav class=\"navbar.*?</nav>|<footer.*?</footer>"
    r"|background: url\([^)]*\)[^;]*;",
    re.DOTALL,
)
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


def render_page(
    answer: Any, path: Path, *, quarantined: Sequence[Quarantined], stopped_by: Sequence[str]
) -> Path:
    """Write the page of a validation and return its path; the result's values are removed.

    Args:
        answer: Great Expectations' result object; changed in place.
        path: The HTML file to write.
        quarantined: Who goes into quarantine, shown by pseudonym with the reason.
        stopped_by: Why the flow stops; empty where it goes on.
    """
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    for row in answer.results:
        _forget_values(row)
    document = ValidationResultsPageRenderer(run_info_at_end=True).render(answer)
    page = DefaultJinjaPageView().render(document)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        _self_contained(page, _verdict(stopped_by) + _quarantine_table(quarantined)),
        encoding="utf-8",
    )
    return path


def _forget_values(row: Any) -> None:
    for field in _VALUES:
        row.result.pop(field, None)
    observed = row.result.get("observed_value")
    if observed is not None:  # a share of empty cells; the page refuses numpy's numbers
        row.result["observed_value"] = float(observed)


def _self_contained(page: str, ours: str) -> str:
    page = _NOT_SELF_CONTAINED.sub("", page)
    page = _ACTIONS.sub("", page)
    page = _LINK.sub(r"\1", page)
    page = page.replace("Data asset: None<br>", "")
    page = page.replace("</head>", f'<meta charset="utf-8">{_STYLE}</head>', 1)
    return page.replace('<div id="section-1"', f'{ours}<div id="section-1"', 1)


def _verdict(stopped_by: Sequence[str]) -> str:
    if not stopped_by:
        return "<h5>The flow goes on</h5>"
    reasons = "".join(f"<li>{html.escape(reason)}</li>" for reason in stopped_by)
    return f"<h5>The flow stops</h5><ul>{reasons}</ul>"


def _quarantine_table(quarantined: Sequence[Quarantined]) -> str:
    if not quarantined:
        return "<h5>Quarantine</h5><p>No patient was set aside.</p>"
    rows = "".join(
        f"<tr><td>{html.escape(row.patient_id)}</td><td>{html.escape(row.reason)}</td></tr>"
        for row in quarantined
    )
    return (
        f"<h5>Quarantine: {len(quarantined)} set aside</h5>"
        f"<table><tr><th>Patient</th><th>Reason</th></tr>{rows}</table>"
    )
