"""`armwise split`: the first split of a cohort, settled once."""

from rich.console import Console

from components.platform.data_version import require_data
from components.study.protocol import read_protocol
from flows.cli.options import ProtocolName, StudyDir, settings_of
from flows.environment import prepare_environment


def split(protocol: ProtocolName = None, study_dir: StudyDir = None) -> None:
    """Settles who tests as the protocol says, at random, by center or by quarter, once.

    Writes data/split.parquet.
    """
    settings = settings_of(protocol=protocol, study_dir=study_dir)
    prepare_environment(settings)
    chosen = read_protocol(settings.protocol_path)
    require_data(settings.study_path)

    from components.cohort.split_rules import rule_text
    from flows.first_split import draw_first_split

    path, counts = draw_first_split(settings.data_path, chosen)
    console = Console(highlight=False, soft_wrap=True)
    for arm, (n_train, n_test) in counts.items():
        console.print(f"  {arm.label:<12} {n_train} train, {n_test} test", markup=False)
    said = rule_text(chosen.split)
    console.print(f"  {said[0].upper()}{said[1:]}.", markup=False)
    console.print(f"Written to {path}. Nobody moves from now on.", markup=False)
