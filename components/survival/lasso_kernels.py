"""Compiled kernels of the penalised Cox path: an active set, Newton steps, exact conditions.

Minimised is -(1/n) log PL (Breslow ties, strata) + l1 |b|_1 + l2/2 |b|^2. The active features take
Newton steps, each ending where a coefficient reaches 0 and its feature leaves; features whose
gradient exceeds l1 join. The curvature is that of an earlier point as long as steps made with it
converge quickly, so most steps cost O(n k + k^2) for k active features. A fit ends when the
conditions of a minimum hold in all features, not when steps are short.

Own code because Coxnet knows no strata and may end early with tied deaths, and because coordinate
descent, glmnet's too, takes hundreds of sweeps where the active features are nearly as many as the
patients who died.
"""

import numba
import numpy as np

from components.survival.lasso_state import ActiveSet, Curvature, Point, RiskOrder
from components.survival.target import FloatArray

# The curvature is renewed when a step leaves more than this share of the violation.
_CONTRACTION = 0.4
# Of the diagonal: keeps the curvature of collinear features invertible and moves no solution.
_DAMPING = 1e-9
_HALVINGS = 40
# Differences of the objective below this are rounding: its terms are about 1 and cancel.
_ROUNDING = 1e-13


@numba.njit(cache=True)
def breslow(eta: FloatArray, order: RiskOrder, residual: FloatArray, at: Curvature) -> float:
    """Log partial likelihood of eta (n,); fills martingale residuals (n,) and the curvature."""
    value, start = 0.0, order.start
    for s in range(order.strata.size - 1):
        first, last = order.strata[s], order.strata[s + 1]
        # The largest cancels in the likelihood; without it exp could overflow.
        top, s0 = eta[start[first] : start[last]].max(), 0.0
        for g in range(last - 1, first - 1, -1):
            for i in range(start[g], start[g + 1]):
                at.risk[i] = np.exp(eta[i] - top)
                s0 += at.risk[i]
            if order.deaths[g] > 0:
                value -= order.deaths[g] * np.log(s0)
            at.steepness[g] = order.deaths[g] / s0
        hazard = 0.0
        for g in range(first, last):
            hazard += at.steepness[g]
            if order.deaths[g] > 0:
                at.steepness[g] *= at.steepness[g] / order.deaths[g]
            for i in range(start[g], start[g + 1]):
                at.expected[i] = at.risk[i] * hazard
                residual[i] = order.event[i] - at.expected[i]
                value += order.event[i] * (eta[i] - top)
    return value


@numba.njit(cache=True)
def bend(x: FloatArray, order: RiskOrder, at: Curvature) -> FloatArray:
    """Minus the second derivative in eta times the k columns of x (n, k), in O(n k)."""
    n, k = x.shape
    out, start = np.empty((n, k)), order.start
    for s in range(order.strata.size - 1):
        first, last = order.strata[s], order.strata[s + 1]
        s1, spent = np.zeros(k), np.zeros(k)
        for g in range(last - 1, first - 1, -1):
            for i in range(start[g], start[g + 1]):
                for c in range(k):
                    s1[c] += at.risk[i] * x[i, c]
            for c in range(k):
                out[start[g], c] = s1[c] * at.steepness[g]
        for g in range(first, last):
            for c in range(k):
                spent[c] += out[start[g], c]
            for i in range(start[g], start[g + 1]):
                for c in range(k):
                    out[i, c] = at.expected[i] * x[i, c] - at.risk[i] * spent[c]
    return out


@numba.njit(cache=True)
def _renew(order: RiskOrder, at: Point, active: ActiveSet, l2: float) -> None:
    """The Hessian of the active features from the curvature here, and its factor."""
    for i in range(at.eta.size):
        at.seen.risk[i], at.seen.expected[i] = at.here.risk[i], at.here.expected[i]
    for g in range(at.here.steepness.size):
        at.seen.steepness[g] = at.here.steepness[g]
    k, n = active.size[0], at.eta.size
    x = np.empty((n, k))
    for a in range(k):
        for i in range(n):
            x[i, a] = active.rows[a, i]
    hessian = np.dot(active.rows[:k], bend(x, order, at.seen))
    for a in range(k):
        for c in range(k):
            hessian[a, c] /= n
        hessian[a, a] = hessian[a, a] * (1.0 + _DAMPING) + l2
    lower = np.linalg.cholesky(hessian)
    for a in range(k):
        for c in range(a, k):
            active.factor[a, c] = lower[c, a]


@numba.njit(cache=True)
def _join(z: FloatArray, order: RiskOrder, at: Point, active: ActiveSet, j: int, l2: float) -> None:
    """Feature j becomes active, last in the set."""
    k, u = active.size[0], active.factor
    active.feature[k], active.is_active[j] = j, True
    active.rows[k] = z[j]
    bent = bend(z[j].copy().reshape(-1, 1), order, at.seen)[:, 0].copy()
    column = np.dot(active.rows[: k + 1], bent) / bent.size
    least = column[k] * (1.0 + _DAMPING) + l2
    u[k, k] = least
    for a in range(k):
        share = column[a] / u[a, a]
        for b in range(a + 1, k):
            column[b] -= share * u[a, b]
        u[k, k] -= share * share
        u[a, k] = share
    u[k, k] = np.sqrt(max(u[k, k], _DAMPING * least))
    active.size[0] = k + 1


@numba.njit(cache=True)
def _leave(active: ActiveSet, a: int) -> None:
    """Takes the active feature number a out of the set; rotations mend the factor."""
    u, k = active.factor, active.size[0] - 1
    active.is_active[active.feature[a]] = False
    for c in range(a, k):
        active.feature[c], active.sign[c] = active.feature[c + 1], active.sign[c + 1]
        active.rows[c] = active.rows[c + 1]
    for b in range(k + 1):
        for c in range(max(a, b - 1), k):
            u[b, c] = u[b, c + 1]
    for b in range(a, k):
        length = np.hypot(u[b, b], u[b + 1, b])
        cosine, sine = u[b, b] / length, u[b + 1, b] / length
        for c in range(b, k):
            upper, lower = u[b, c], u[b + 1, c]
            u[b, c] = cosine * upper + sine * lower
            u[b + 1, c] = cosine * lower - sine * upper
    active.size[0] = k


@numba.njit(cache=True)
def _newton_step(active: ActiveSet, gradient: FloatArray) -> FloatArray:
    """The step (k,) that the factor gives."""
    u, d, k = active.factor, gradient.copy(), gradient.size
    for a in range(k):
        d[a] /= u[a, a]
        for c in range(a + 1, k):
            d[c] -= d[a] * u[a, c]
    for a in range(k - 1, -1, -1):
        # Four sums side by side: one alone would wait for each addition.
        s0 = s1 = s2 = s3 = 0.0
        c = a + 1
        while c + 3 < k:
            s0 += u[a, c] * d[c]
            s1 += u[a, c + 1] * d[c + 1]
            s2 += u[a, c + 2] * d[c + 2]
            s3 += u[a, c + 3] * d[c + 3]
            c += 4
        while c < k:
            s0 += u[a, c] * d[c]
            c += 1
        d[a] = (d[a] - (s0 + s1) - (s2 + s3)) / u[a, a]
    return d


@numba.njit(cache=True)
def _gradient(at: Point, active: ActiveSet, l1: float, l2: float) -> FloatArray:
    """Downhill gradient (k,) of the objective in the active features."""
    k = active.size[0]
    g: FloatArray = np.dot(active.rows[:k], at.residual)
    for a in range(k):
        g[a] = g[a] / at.eta.size - l1 * active.sign[a] - l2 * at.b[active.feature[a]]
    return g


@numba.njit(cache=True)
def _add_violators(
    z: FloatArray, order: RiskOrder, at: Point, active: ActiveSet, largest: float, l2: float
) -> bool:
    """Whether features joined because their gradient exceeds the largest allowed, worst first."""
    g = np.dot(z, at.residual) / at.eta.size
    k = active.size[0]
    for _ in range(8 + k // 4):
        worst = -1
        for j in range(g.size):
            if active.is_active[j] or abs(g[j]) <= largest:
                continue
            if worst < 0 or abs(g[j]) > abs(g[worst]):
                worst = j
        if worst < 0:
            break
        active.sign[active.size[0]] = np.sign(g[worst])
        _join(z, order, at, active, worst, l2)
    return bool(active.size[0] > k)


@numba.njit(cache=True)
def _move(
    order: RiskOrder, at: Point, active: ActiveSet, d: FloatArray, l1: float, l2: float
) -> float:
    """Goes along d (k,) until a coefficient reaches 0, less far where the objective would rise.

    Returns the share of d that was gone, negative where the objective has stopped it.
    """
    k, share = d.size, 1.0
    old = np.empty(k)
    for a in range(k):
        old[a] = at.b[active.feature[a]]
        if (old[a] + d[a]) * active.sign[a] < 0:
            share = min(share, -old[a] / d[a])
    whole = share
    change, eta = np.dot(d, active.rows[:k]), at.eta.copy()
    most = at.loss[0] + _penalty(old, d, 0.0, l1, l2)
    most += _ROUNDING * (1.0 + abs(most))
    for halving in range(_HALVINGS + 1):
        if halving == _HALVINGS:
            share = 0.0
        for i in range(eta.size):
            at.eta[i] = eta[i] + share * change[i]
        at.loss[0] = -breslow(at.eta, order, at.residual, at.here) / eta.size
        if at.loss[0] + _penalty(old, d, share, l1, l2) <= most:
            break
        share /= 2.0
    for a in range(k):
        at.b[active.feature[a]] = old[a] + share * d[a]
    for a in range(k - 1, -1, -1):
        crosses = share == whole and (old[a] + d[a]) * active.sign[a] < 0
        if crosses and -old[a] / d[a] <= share:
            at.b[active.feature[a]] = 0.0
            _leave(active, a)
    return share if share == whole else -share - 1e-300


@numba.njit(cache=True)
def _penalty(b: FloatArray, d: FloatArray, share: float, l1: float, l2: float) -> float:
    total = 0.0
    for a in range(b.size):
        there = b[a] + share * d[a]
        total += l1 * abs(there) + 0.5 * l2 * there * there
    return total


@numba.njit(cache=True)
def _fit(
    z: FloatArray,
    order: RiskOrder,
    at: Point,
    active: ActiveSet,
    penalty: tuple[float, float],
    tolerance: float,
    most_steps: int,
) -> bool:
    """Moves to the minimum at one penalty (l1, l2); whether it was reached."""
    l1, l2 = penalty
    last = np.inf
    for step in range(most_steps):
        gradient = _gradient(at, active, l1, l2)
        worst = np.abs(gradient).max() if gradient.size else 0.0
        settled = worst <= tolerance * l1
        if settled or step == 1:
            if _add_violators(z, order, at, active, l1 * (1.0 + tolerance), l2):
                gradient, last = _gradient(at, active, l1, l2), np.inf
            elif settled:
                return True
        if worst > _CONTRACTION * last:
            _renew(order, at, active, l2)
        share = _move(order, at, active, _newton_step(active, gradient), l1, l2)
        last = 0.0 if share < 0 else worst if share == 1.0 else np.inf
    return False


@numba.njit(cache=True)
def follow_path(
    z: FloatArray,
    order: RiskOrder,
    lambdas: FloatArray,
    l1_ratio: float,
    tolerance: float,
    most_steps: int,
) -> tuple[FloatArray, int]:
    """Coefficients (m, p) at the penalties, and at how many of these the minimum was reached.

    Args:
        z: (p, n) centered columns, patients in the order of `order`.
        order: Follow-up.
        lambdas: (m,) descending.
        l1_ratio: Share of the penalty that is absolute.
        tolerance: Largest violation of the conditions of a minimum, as a share of the penalty.
        most_steps: At one penalty.
    """
    p, n = z.shape
    path, groups = np.zeros((lambdas.size, p)), order.deaths.size
    here = Curvature(np.empty(n), np.empty(n), np.empty(groups))
    seen = Curvature(np.empty(n), np.empty(n), np.empty(groups))
    at = Point(np.zeros(p), np.zeros(n), np.empty(n), np.empty(1), here, seen)
    active = ActiveSet(
        np.zeros(1, np.int64),
        np.empty(p, np.int64),
        np.empty(p),
        np.empty((p, n)),
        np.empty((p, p)),
        np.zeros(p, np.bool_),
    )
    at.loss[0] = -breslow(at.eta, order, at.residual, at.here) / n
    _renew(order, at, active, 0.0)
    for m in range(lambdas.size):
        penalty = lambdas[m] * l1_ratio, lambdas[m] * (1.0 - l1_ratio)
        if not _fit(z, order, at, active, penalty, tolerance, most_steps):
            return path, m
        path[m] = at.b
    return path, lambdas.size
