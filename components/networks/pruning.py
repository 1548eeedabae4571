"""What of a search is kept on disk once the choice is made."""

from pathlib import Path

from components.networks.records import Configuration, SearchResult, TrialResult


def keep_networks_of(result: SearchResult, configuration: Configuration) -> SearchResult:
    """The result with the fold networks of one configuration; the others' files are removed.

    Their scores and histories stay. A cohort's three backbones are half a gigabyte of weights that
    nobody reads again.
    """
    return result.model_copy(
        update={
            "trials": tuple(
                trial if trial.configuration == configuration else _without_networks(trial)
                for trial in result.trials
            )
        }
    )


def _without_networks(trial: TrialResult) -> TrialResult:
    for network in trial.fold_networks:
        Path(network.path).unlink(missing_ok=True)
    return trial.model_copy(update={"fold_networks": ()})
