"""The signature: what the penalty left of the deep features, and how well it orders patients."""

import numpy as np

from components.reporting.blocks import Block, Prose, Rows, Section, picture
from components.reporting.content import ReportContent
from components.reporting.deviation_notes import notes_beside
from components.reporting.html_table import Table, table
from components.reporting.signature_figures import (
    draw_coefficients,
    draw_penalty_path,
    draw_stability,
    draw_trajectories,
)
from components.reporting.summary_section import NULL_SIGNATURE
from components.reporting.wording import ABSENT, count_text, estimate_text
from components.signature.report import SignatureReport
from components.signature.stability import SelectionStability
from components.study.vocabulary import DataOrigin, TreatmentArm

_MOST_ROWS = 30


def signature_section(report: SignatureReport, content: ReportContent) -> Section:
    """Counts of features, cross-fitted C by arm, penalty path and coefficients."""
    blocks: list[Block] = [Prose(NULL_SIGNATURE, tone="warning")] if report.is_null else []
    if report.sd_ratio_warns:
        blocks.append(
            Prose(
                f"The {_kind(report)} scores spread {report.sd_ratio:.2f} times as wide as the "
                "deployed signature's in patients it has not seen (accepted: 0.8 to 1.25): the "
                "models fitted on the former may not suit the latter.",
                tone="warning",
            )
        )
    blocks += [Rows(_features_table(report)), *notes_beside(content, "signature")]
    blocks.append(Rows(_discrimination_table(report)))
    blocks += _pictures(report, content.origin)
    if report.stability is not None:
        blocks += _stability_blocks(report, report.stability, content.origin)
    return Section("signature", "Signature", tuple(blocks))


def _kind(report: SignatureReport) -> str:
    return "in-sample (apparent)" if report.c_in_sample else "cross-fitted"


def _features_table(report: SignatureReport) -> Table:
    folds = ", ".join(str(n) for n in report.fold_selected) or "no folds: scored in-sample"
    ratio = "not computed" if report.sd_ratio is None else f"{report.sd_ratio:.3f}"
    rows = [
        ("Deep features", str(report.n_features_in)),
        ("after the correlation filter", str(report.n_after_correlation)),
        ("after the screen", str(report.n_after_screen)),
        ("selected by the penalty", str(report.n_selected)),
        ("selected in each fold's own fit", folds),
        (f"SD of {_kind(report)} over deployed scores (accepted: 0.8 to 1.25)", ratio),
    ]
    return table("From features to signature", ("Step", "Count"), rows)


def _discrimination_table(report: SignatureReport) -> Table:
    rows = [
        (TreatmentArm(arm).label, estimate_text(estimate), f"{estimate.n} ({estimate.n_events})")
        for arm, estimate in (report.c_cross_fitted or report.c_in_sample).items()
    ]
    return table(
        f"Harrell's C of the {_kind(report)} score within each arm, training patients",
        ("Arm", "C (95% interval)", "n (deaths)"),
        rows,
    )


def _pictures(report: SignatureReport, origin: DataOrigin) -> list[Block]:
    blocks: list[Block] = []
    if report.path is not None:
        blocks.append(
            picture(
                draw_penalty_path(report, origin=origin),
                caption="Cross-validated deviance with its standard error along the penalties. "
                "Dashed: the penalty of least deviance; dotted: the strongest one within a "
                "standard error of it.",
                alt="Deviance against penalty; the number of features taken stands in the table",
            )
        )
        if report.path.trajectories:
            blocks.append(
                picture(
                    draw_trajectories(report, origin=origin),
                    caption="Coefficients along the penalties of the features that enter before "
                    "the least deviance (at most 40, those that grow largest); in color those "
                    "of the signature.",
                    alt="Coefficients against penalty; those taken stand in the next picture",
                )
            )
    if report.coefficients:
        blocks.append(
            picture(
                draw_coefficients(report, origin=origin),
                caption="Coefficients of the deployed signature on standardized features.",
                alt="Bars of the selected features' coefficients",
            )
        )
    return blocks


def _stability_blocks(
    report: SignatureReport, stability: SelectionStability, origin: DataOrigin
) -> list[Block]:
    blocks: list[Block] = [Rows(_stability_table(report, stability))]
    if stability.n_selected:
        blocks.append(
            picture(
                draw_stability(report, origin=origin),
                caption="How often a feature is selected when the patients are drawn again within "
                "their arm and the whole path is done anew; in color those of the signature.",
                alt="Bars of the share of resamples by feature; the signature's stand in the table",
            )
        )
    return blocks


def _stability_table(report: SignatureReport, stability: SelectionStability) -> Table:
    ordered = sorted(report.coefficients, key=lambda one: (-abs(one.coefficient), one.feature))
    rows = [
        (f"feature {one.feature}", f"{one.coefficient:+.4f}", _share(stability, one.feature))
        for one in ordered[:_MOST_ROWS]
    ]
    least, middle, most = np.percentile(stability.sizes or (0,), (25, 50, 75))
    notes = [
        f"Of {stability.n_resamples} resamples {stability.n_null} select nothing; half of them "
        f"select {least:.0f} to {most:.0f} features (median {middle:.0f}).",
        *(
            f"{count_text(count, 'resample')} without a signature: {why}."
            for why, count in stability.failures.items()
        ),
    ]
    hidden = len(ordered) - len(rows)
    if hidden:
        notes.append(f"{count_text(hidden, 'feature')} of smaller coefficients not shown.")
    return table(
        "Selection over bootstrap resamples",
        ("Feature of the signature", "Coefficient a SD", "Selected in"),
        rows,
        notes=notes,
    )


def _share(stability: SelectionStability, feature: int) -> str:
    share = stability.share(feature)
    return ABSENT if share is None else f"{share:.0%}"
