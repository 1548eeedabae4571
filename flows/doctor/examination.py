"""The whole examination, in the order in which a run would stumble."""

import os
from collections.abc import Iterator

from components.errors import ArmwiseError
from components.platform.data_version import recorded_md5
from flows.doctor.finding import Finding
from flows.doctor.machine import examine_machine
from flows.doctor.needs import needs_of
from flows.doctor.stores import examine_stores
from flows.doctor.study import examine_protocol, examine_study, n_patients
from flows.settings import Settings


def examine(settings: Settings) -> Iterator[Finding]:
    """Every finding, as soon as it is known."""
    protocol, said = examine_protocol(settings)
    yield said
    needs = None
    if protocol is not None:
        needs = needs_of(
            protocol,
            data=settings.data_path,
            data_is_kept=_is_kept(settings),
            n_patients=n_patients(settings),
            cores=settings.cpus or len(os.sched_getaffinity(0)),
        )
    yield from examine_machine(settings, protocol, needs)
    yield from examine_stores(settings)
    yield from examine_study(settings, protocol)


def _is_kept(settings: Settings) -> bool:
    """Whether the data have been added as a version; changed files are few beside the rest."""
    try:
        return recorded_md5(settings.study_path) is not None
    except ArmwiseError:
        return False
