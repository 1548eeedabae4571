"""What a network is trained to minimise: the risk label, or the follow-up itself.

Shapes: B patients of a batch, K intervals. Of each arm the patients are compared among themselves
alone (Cox), or not at all (the others): an arm is no risk that images should learn.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from components.networks.crops import Crops
from components.networks.features import predict_rows
from components.networks.labels import FollowUp, Lesson
from components.networks.network import Network
from components.study.protocol.backbone import BackboneSection
from components.study.protocol.label import LabelSection
from components.study.protocol.search import SearchSection
from components.study.results import Adaptation
from components.survival.partial_likelihood import baseline_hazard
from components.survival.target import FloatArray, IntArray, SurvivalTarget


def batch_loss(logits: Tensor, lesson: Lesson, batch: IntArray, *, smoothing: float) -> Tensor:
    """The loss of the lesson's patients `batch` (B,), of whom a network said logits (B,) or (B, K).

    `smoothing` draws labels towards one half; follow-up is taken as it is.
    """
    follow_up = lesson.follow_up
    if follow_up is None:
        labels = torch.from_numpy(lesson.labels[batch]).to(logits, non_blocking=True)
        weights = torch.from_numpy(lesson.weights[batch]).to(logits, non_blocking=True)
        return weighted_loss(logits, labels, weights, smoothing=smoothing)
    part = follow_up.of(batch)
    if logits.ndim == 2:
        return hazard_loss(logits, part)
    return cox_loss(logits, part)


def lesson_logits(
    network: Network, lesson: Lesson, crops: Crops, *, mixed_precision: bool
) -> Tensor:
    """What a network says of its lesson's patients, (m,) or (m, K), as it is asked: no dropout.

    Of several slices it is the mean.
    """
    said = predict_rows(network, crops, lesson.rows, mixed_precision=mixed_precision)
    with torch.inference_mode():
        features = torch.from_numpy(said.features).to(network.head.weight.device)
        logits: Tensor = network.head(features)
    return logits.squeeze(1) if logits.shape[1] == 1 else logits


def weighted_loss(logits: Tensor, labels: Tensor, weights: Tensor, *, smoothing: float) -> Tensor:
    """Mean weighted binary cross-entropy of logits (B,) against labels drawn towards one half."""
    softened = labels * (1 - smoothing) + 0.5 * smoothing
    losses = functional.binary_cross_entropy_with_logits(logits, softened, reduction="none")
    return (weights * losses).mean()


def hazard_loss(logits: Tensor, follow_up: FollowUp) -> Tensor:
    """Mean negative log likelihood of the hazards in K intervals up to the label's horizon.

    A logit is that of dying within an interval once it is reached. The likelihood is that of
    Gensheimer & Narasimhan (2019, 10.7717/peerj.6257): a patient counts in every interval survived
    and in that of the death; one who is censored within an interval has survived it where half of
    it was.
    """
    died, survived = interval_targets(follow_up, logits.shape[1])
    died_t, survived_t = torch.from_numpy(died).to(logits), torch.from_numpy(survived).to(logits)
    losses = died_t * functional.softplus(-logits) + survived_t * functional.softplus(logits)
    return losses.sum(dim=1).mean()


def interval_targets(follow_up: FollowUp, n_intervals: int) -> tuple[FloatArray, FloatArray]:
    """1 where a patient died in an interval, and 1 where they survived it (B, K), 0 elsewhere.

    The intervals are equally wide and closed on the right, as the label is: dead *by* the horizon.
    So they are the same in every fold, and what a network says needs no table of cuts to be read.
    """
    ends = follow_up.horizon_days * np.arange(1, n_intervals + 1) / n_intervals
    starts = np.concatenate([[-np.inf], ends[:-1]])
    middles = ends - follow_up.horizon_days / n_intervals / 2
    time, event = follow_up.time_days[:, None], follow_up.event[:, None]
    died = event & (time > starts) & (time <= ends)
    survived = np.where(event, time > ends, time >= middles)
    return died.astype(np.float64), survived.astype(np.float64)


def cox_loss(linear_predictors: Tensor, follow_up: FollowUp) -> Tensor:
    """Mean negative log partial likelihood of the deaths in a batch, stratified by arm.

    Each death is compared with the patients of its arm who are still at risk in the batch (Katzman
    et al. 2018, 10.1186/s12874-018-0482-1; the likelihood of a batch instead of the cohort's:
    Kvamme et al. 2019, jmlr.org/papers/v20/18-424.html), ties after Efron as everywhere in armwise.
    A batch without a death is worth 0 and moves nothing.
    """
    deaths = np.flatnonzero(follow_up.event)
    if not len(deaths):
        return linear_predictors.sum() * 0.0
    shares = torch.from_numpy(_risk_shares(follow_up, deaths)).to(linear_predictors)
    at_risk = linear_predictors[None, :] + shares.log()
    own = linear_predictors[torch.from_numpy(deaths).to(linear_predictors.device)]
    return (torch.logsumexp(at_risk, dim=1) - own).mean()


def _risk_shares(follow_up: FollowUp, deaths: IntArray) -> FloatArray:
    """How far each patient is in the risk set of each death (d, B): 0, 1, or for Efron between.

    For the l-th of m tied deaths, counted from 0, the tied are there with 1 - l/m.
    """
    time, arm = follow_up.time_days, follow_up.arm
    same_arm = arm[deaths][:, None] == arm[None, :]
    is_tied = same_arm & (time[deaths][:, None] == time[None, :]) & follow_up.event[None, :]
    before = np.arange(len(time))[None, :] < deaths[:, None]
    gone = (is_tied & before).sum(axis=1) / is_tied.sum(axis=1)
    at_risk = same_arm & (time[None, :] >= time[deaths][:, None])
    shares: FloatArray = at_risk - gone[:, None] * is_tied
    return shares


def log_baseline_hazard(linear_predictors: FloatArray, follow_up: FollowUp) -> float:
    """Logarithm of the cumulative hazard at the horizon for a linear predictor of 0, after Efron.

    Arms together, for a network is served without being told one. It is estimated from the patients
    that the network has learnt from (n,), whose linear predictors spread wider than others': the
    probability that follows ranks as they do and is not calibrated.
    """
    if not np.all(np.isfinite(linear_predictors)):
        return math.nan  # training diverged, and so do its scores
    shift = linear_predictors.max()
    target = SurvivalTarget.of(follow_up.time_days, follow_up.event)
    times, hazards = baseline_hazard(linear_predictors - shift, target)
    hazard = hazards[np.searchsorted(times, follow_up.horizon_days, side="right") - 1]
    return float(np.log(hazard) - shift)


def loss_adaptations(
    backbone: BackboneSection, search: SearchSection, label: LabelSection
) -> tuple[Adaptation, ...]:
    """What the protocol asks of labels and a loss of the follow-up has no use for."""
    if backbone.loss == "binary":
        return ()
    why = f"backbone.loss is {backbone.loss}: it learns from the follow-up, not from the label"
    found = [
        Adaptation(
            step="search",
            asked=f"patients of unknown label: {label.unknown}",
            done="every training patient is learnt from, with weight 1, as far as followed",
            why=why,
        )
    ]
    if search.space.label_smoothing[1] > 0:
        found.append(Adaptation(step="search", asked="label smoothing", done="none", why=why))
    return tuple(found)
