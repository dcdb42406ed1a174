"""Metrics with their influence values: what each row adds to the metric's error.

Each function returns (value, influence (n,)). The influence values sum to about zero, and sum(influence²)/n² is the
asymptotic variance of the value; for a paired difference the influence values of both models are subtracted first,
which is what makes the comparison paired (Hampel 1974; van der Vaart, Asymptotic Statistics, 1998, ch. 20).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mlops_ci.evaluation.problem import Floats, Problem, Scores, Undefined
from mlops_ci.evaluation.ranks import Block, Ranks

Influence = tuple[float, Floats]
TINY = float(np.finfo(np.float64).eps)


def of_mean(losses: Floats) -> Influence:
    """A mean of per-row values (n,), in their unit; influence = value − mean, scaled to the unbiased variance n/(n−1).

    van der Vaart (1998), *Asymptotic Statistics*, ch. 20; of a difference it makes the paired t test (Student 1908,
    Biometrika 6:1).
    """
    mean = float(losses.mean())
    shifted = losses - mean
    shifted *= _unbiased(len(losses))
    return mean, shifted


def _unbiased(count: float) -> float:
    return float(np.sqrt(count / (count - 1))) if count > 1 else 1.0


def probability_of(scores: Scores) -> Floats:
    """Probabilities, or Undefined where the model gives labels only."""
    if scores.probability is None:
        raise Undefined("the model gives labels, no probabilities")
    return scores.probability


def roc_auc(ranks: Ranks) -> Influence:
    """Area under the ROC curve, ties counted half (Mann–Whitney); influence = DeLong's structural components.

    DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837; computed by ranks as Sun & Xu (2014), IEEE SPL 21:1389.
    """
    positives, rows = ranks.positives, ranks.rows
    negatives = rows - positives
    if positives == 0 or negatives == 0:
        raise Undefined("only one class is in these rows")
    lost = sum(float(np.dot(block.inside, block.negatives_twice)) for block in ranks.blocks())
    value = 1.0 - lost / (2.0 * positives * negatives)
    for_positive = rows / positives * _unbiased(positives)
    for_negative = rows / negatives * _unbiased(negatives)

    def values(block: Block) -> tuple[Floats, Floats]:
        won_by_positive = 1.0 - block.negatives_twice / (2.0 * negatives)
        won_over_negative = block.positives_twice / (2.0 * positives)
        return (won_by_positive - value) * for_positive, (won_over_negative - value) * for_negative

    return value, ranks.by_row(values)


def average_precision(ranks: Ranks) -> Influence:
    """Average precision, the step-wise area under the precision–recall curve.

    With P(t) the precision at threshold t, π the share of positives, T the value, b(t) the share scored ≥ t and
    a(t) that of positives among them, the functional's derivative at a row (y, s) is
    [ y (P(s) + A(s) − T) − B(s) ] / π, A(s) = E[Y 1{S≤s}/b(S)], B(s) = E[Y a(S)/b(S)² 1{S≤s}]
    (delta method on T = E[Y P(S)]/π; cf. Boyd, Eng & Page 2013, ECML, for the estimator).
    """
    positives = ranks.positives
    if positives == 0:
        raise Undefined("no row is of the positive class")
    value = sum(float(np.dot(block.inside, block.precision)) for block in ranks.blocks()) / positives
    scale = ranks.rows / positives * _unbiased(positives)
    below_a = below_b = 0.0  # A and B of all scores lower than the block's: blocks come from the lowest up

    def values(block: Block) -> tuple[Floats, Floats]:
        nonlocal below_a, below_b
        steps = block.inside / block.ends
        a = np.cumsum(steps[::-1])[::-1] + below_a
        b = np.cumsum((steps * block.precision)[::-1])[::-1] + below_b
        below_a, below_b = float(a[0]), float(b[0])
        return (block.precision + a - b - value) * scale, b * -scale

    return value, ranks.by_row(values)


def log_losses(problem: Problem, scores: Scores) -> Floats:
    """−log of the probability given to the true class (n,), in nats, clipped at float64's epsilon like scikit-learn.

    The logarithmic score of Good (1952), J. R. Statist. Soc. B 14:107. Raises Undefined without probabilities.
    """
    probability = probability_of(scores)
    if probability.ndim == 1:
        given = np.where(problem.truth, probability, 1.0 - probability)
    else:
        rows = np.arange(problem.rows)
        given = probability[rows, problem.y] / probability.sum(axis=1)
    np.clip(given, TINY, 1.0 - TINY, out=given)
    np.log(given, out=given)
    return np.asarray(np.negative(given, out=given))


def brier_losses(problem: Problem, scores: Scores) -> Floats:
    """Squared error of the probabilities (n,): 0 to 1; for k > 2 classes summed over them: 0 to 2.

    Brier (1950), Mon. Weather Rev. 78:1. Raises Undefined without probabilities.
    """
    probability = probability_of(scores)
    if probability.ndim == 1:
        return np.asarray(np.square(probability - problem.truth))
    wanted = np.zeros_like(probability)
    wanted[np.arange(problem.rows), problem.y] = 1.0
    return np.asarray(np.square(probability - wanted).sum(axis=1))


def hits(problem: Problem, scores: Scores) -> Floats:
    """1 where the predicted class is right (n,): the zero-one loss turned (Hastie, Tibshirani & Friedman 2009, *The
    Elements of Statistical Learning*, § 2.4)."""
    return np.asarray(scores.prediction == problem.y, dtype=np.float64)


def top_k_hits(problem: Problem, scores: Scores, k: int) -> Floats:
    """1 where the true class is among the k most probable (n,); ties count in favour.

    As scikit-learn's top_k_accuracy_score without ties; the measure of Russakovsky et al. (2015), Int. J. Comput. Vis.
    115:211. Raises Undefined for two classes.
    """
    probability = probability_of(scores)
    if probability.ndim == 1:
        raise Undefined("top-k needs more than two classes")
    own = probability[np.arange(problem.rows), problem.y]
    return np.asarray((probability > own[:, None]).sum(axis=1) < k, dtype=np.float64)


def ratio(numerator: Floats, denominator: Floats) -> Influence:
    """mean(numerator)/mean(denominator), both (n,), by the delta method: (num − value·den)/mean(den).

    Cochran (1977), *Sampling Techniques*, ch. 6. The factor of the unbiased variance is that of the rows that count.
    Raises Undefined where no row counts.
    """
    bottom = float(denominator.mean())
    if bottom == 0:
        raise Undefined("its denominator is zero: no row counts")
    value = float(numerator.mean()) / bottom
    return value, (numerator - value * denominator) / bottom * _unbiased(int(np.count_nonzero(denominator)))


def _per_class(problem: Problem, build: Callable[[Any], tuple[Floats, Floats]], *, macro: bool) -> Influence:
    """A ratio for the positive class, or the mean of the ratios of all classes that occur (macro average)."""
    codes = range(len(problem.classes)) if macro else [problem.positive]
    found = [ratio(*build(code)) for code in codes if not macro or np.any(problem.y == code)]
    if not found:
        raise Undefined("no class is in these rows")
    value = float(np.mean([value for value, _ in found]))
    return value, np.mean([influence for _, influence in found], axis=0)


def recall(problem: Problem, scores: Scores, *, macro: bool) -> Influence:
    """True positives among the positives, 0 to 1; with `macro` and both classes it is the balanced accuracy.

    van Rijsbergen (1979), *Information Retrieval*, ch. 7; Brodersen et al. (2010), ICPR, for balanced accuracy. Raises
    Undefined where there is no such row.
    """

    def build(code: int) -> tuple[Floats, Floats]:
        own = (problem.y == code).astype(np.float64)
        return own * (scores.prediction == code), own

    return _per_class(problem, build, macro=macro)


def precision(problem: Problem, scores: Scores, *, macro: bool) -> Influence:
    """True positives among those predicted positive, 0 to 1 (van Rijsbergen 1979, *Information Retrieval*, ch. 7).

    Raises Undefined where no row is predicted so.
    """

    def build(code: int) -> tuple[Floats, Floats]:
        said = (scores.prediction == code).astype(np.float64)
        return said * (problem.y == code), said

    return _per_class(problem, build, macro=macro)


def f1(problem: Problem, scores: Scores, *, macro: bool) -> Influence:
    """2·TP / (predicted + actual), 0 to 1: the harmonic mean of precision and recall.

    Dice (1945), Ecology 26:297; van Rijsbergen (1979), *Information Retrieval*, ch. 7. Raises Undefined where no row
    is, or is predicted, of the class.
    """

    def build(code: int) -> tuple[Floats, Floats]:
        own, said = (problem.y == code), (scores.prediction == code)
        return 2.0 * (own & said), own.astype(np.float64) + said

    return _per_class(problem, build, macro=macro)


def calibration_error(problem: Problem, scores: Scores, bins: int) -> Influence:
    """Expected calibration error over equal-width bins (Naeini et al. 2015, AAAI 29): Σ |Σ_bin (p − hit)| / n, 0 to 1.

    Its derivative has a corner where a bin is perfectly calibrated; there the variance of the
    influence values is too large. Raises Undefined without probabilities.
    """
    probability = probability_of(scores)
    confidence = probability if probability.ndim == 1 else probability.max(axis=1)
    right = problem.truth if probability.ndim == 1 else scores.prediction == problem.y
    codes = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    gaps = confidence - right
    signs = np.sign(np.bincount(codes, weights=gaps, minlength=bins))
    return of_mean(signs[codes] * gaps)


def root_mean_square(errors: Floats) -> Influence:
    """Root of the mean square of errors (n,), in the label's unit; d√u = du/(2√u).

    The delta method: van der Vaart (1998), *Asymptotic Statistics*, ch. 3.
    """
    mean, influence = of_mean(np.square(errors))
    root = float(np.sqrt(mean))
    return root, influence / (2.0 * root) if root > 0 else influence


def r2(y: Floats, errors: Floats) -> Influence:
    """1 − mean square error / variance of y: at most 1, without unit. `y`, `errors`: (n,).

    The coefficient of determination, Draper & Smith (1998), *Applied Regression Analysis*, ch. 1; influence by the
    delta method (van der Vaart 1998, ch. 3). Raises Undefined where the label is constant.
    """
    centred = np.square(y - y.mean())
    variance = float(centred.mean())
    if variance == 0:
        raise Undefined("the label is constant")
    value = 1.0 - float(np.square(errors).mean()) / variance
    return value, ((1.0 - value) * centred - np.square(errors)) / variance * _unbiased(len(y))


def median_absolute(errors: Floats) -> Influence:
    """Median of |error| of errors (n,), in the label's unit: influence (½ − 1{|e| ≤ m}) / f(m).

    f by the difference quotient of quantiles, its bandwidth from Hall & Sheather (1988), J. R. Statist. Soc. B 50:381.
    """
    sizes = np.abs(errors)
    median = float(np.median(sizes))
    width = 1.96 ** (2 / 3) * (1.5 / (2 * np.pi)) ** (1 / 3) * len(sizes) ** (-1 / 3)
    width = min(width, 0.25)
    low, high = np.quantile(sizes, [0.5 - width, 0.5 + width])
    density = 2 * width / max(high - low, TINY)
    return median, ((sizes > median) - 0.5) / density


def pinball_losses(y: Floats, prediction: Floats, alpha: float) -> Floats:
    """Quantile loss (n,) at level `alpha`, in the label's unit (Koenker & Bassett 1978, Econometrica 46:33)."""
    error = y - prediction
    return np.maximum(alpha * error, (alpha - 1.0) * error)


Options = Mapping[str, Any]
