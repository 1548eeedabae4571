"""The study report: one HTML page that needs nothing but itself."""

from pathlib import Path

from components.reporting.arm_section import arms_section, nomogram_section
from components.reporting.baselines_section import baselines_section
from components.reporting.blocks import Section
from components.reporting.cohort_section import cohort_section
from components.reporting.content import ReportContent
from components.reporting.heat_section import heat_section
from components.reporting.html_table import template_environment
from components.reporting.methods_section import methods_section
from components.reporting.nested_section import nested_section
from components.reporting.network_section import backbone_section
from components.reporting.optimism_section import optimism_section
from components.reporting.radiomics_section import radiomics_section
from components.reporting.run_section import (
    declarations_section,
    deviations_section,
    protocol_section,
    provenance_section,
    tripod_section,
)
from components.reporting.signature_section import signature_section
from components.reporting.subgroup_section import subgroup_section
from components.reporting.summary_section import summary_section


def report_sections(content: ReportContent) -> tuple[Section, ...]:
    """The report's sections in reading order: first what was found, last how to repeat it."""
    found = [
        summary_section(content),
        nomogram_section(content),
        methods_section(content),
        cohort_section(content),
    ]
    if content.search is not None and content.choice is not None:
        found.append(backbone_section(content.search, content.choice, content))
    if content.heat is not None:
        imaging = content.protocol.imaging
        found.append(heat_section(content.heat, imaging=imaging, origin=content.origin))
    if content.radiomics is not None and content.choice is not None:
        stability = content.radiomics_stability
        found.append(radiomics_section(content.radiomics, content.choice, stability))
    if content.nested is not None:
        found.append(nested_section(content.nested, origin=content.origin))
    if content.signature is not None:
        found.append(signature_section(content.signature, content))
    return (
        *found,
        arms_section(content),
        baselines_section(content.baselines, content.arms),
        optimism_section(content.optimism),
        subgroup_section(content.subgroups, origin=content.origin),
        deviations_section(content),
        declarations_section(content),
        provenance_section(content),
        protocol_section(content),
        tripod_section(),
    )


def render_report(content: ReportContent) -> str:
    """The report as HTML: no script, no resource from elsewhere, every text escaped."""
    provenance = content.provenance
    return (
        template_environment()
        .get_template("report.html.j2")
        .render(
            title=content.protocol.study.title,
            study_id=content.protocol.study.study_id,
            is_synthetic=content.is_synthetic,
            byline=(
                f"Run {provenance.mlflow_run_id} \u00b7 started {provenance.started} \u00b7 data "
                f"{content.data.md5[:8]} \u00b7 protocol {content.protocol.hash()} \u00b7 armwise "
                f"{provenance.package_version}"
            ),
            package_version=provenance.package_version,
            sections=report_sections(content),
        )
    )


def write_report(content: ReportContent, path: Path) -> Path:
    """Write the report to `path`; the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_report(content), encoding="utf-8")
    return path
