"""What the gate decided, on disk before it is carried out.

A run that is cut off between moving the pointer and recording its result finds its own model as the
champion. It must carry out what was decided, and not judge the model against itself.
"""

from pathlib import Path

from pydantic import ValidationError

from components.platform.model_version import RECOMMENDER
from components.platform.tracking import Tracking
from components.promotion.records import ChampionFacts, Decision, Evidence
from components.study.files import written_whole
from components.study.results import Record


class Judgement(Record):
    """Evidence and decision; `models` is the digest of the models that were judged."""

    models: str
    evidence: Evidence
    decision: Decision


def read_judgement(
    path: Path, *, models: str, champion: ChampionFacts | None, tracking: Tracking, run_id: str
) -> Judgement | None:
    """What was decided on these models against this champion; None where that is still to be done.

    Args:
        path: Where the judgement is kept.
        models: Digest of the models.
        champion: The champion as it stands now: the one that was judged against, or the run's own.
        tracking: Where the champion is.
        run_id: The run.
    """
    try:
        kept = Judgement.from_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
    version = champion.recommender_version if champion else None
    is_same_rival = version == kept.evidence.champion_version
    if kept.models == models and (is_same_rival or _is_own(version, tracking, run_id)):
        return kept
    return None


def write_judgement(path: Path, judgement: Judgement) -> None:
    """Writes the judgement, all or nothing."""
    with written_whole(path) as partial:
        partial.write_text(judgement.to_json(), encoding="utf-8")


def _is_own(version: str | None, tracking: Tracking, run_id: str) -> bool:
    if version is None:
        return False
    return bool(tracking.client.get_model_version(RECOMMENDER, version).run_id == run_id)
