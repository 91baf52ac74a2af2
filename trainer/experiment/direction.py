"""Decide whether lower or higher values of a metric are better: one rule for all. Standard library only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Literal

Direction = Literal["lower", "higher"]

MAX_CACHED = 1024

_LOWER = frozenset(
    {
        *("loss", "losses", "error", "errors", "err", "mse", "rmse", "mae", "mape", "smape", "msle", "rmsle", "rse"),
        *("nll", "perplexity", "ppl", "wer", "cer", "eer", "fpr", "fnr", "brier", "ece", "fid", "kid", "lpips"),
        *("logloss", "crossentropy", "xent", "bce", "bpc", "bpb", "hausdorff"),
    }
)
_HIGHER = frozenset(
    {
        *("acc", "accuracy", "top1", "top3", "top5", "top10", "f1", "fbeta", "precision", "prec", "recall"),
        *("sensitivity", "specificity", "tpr", "tnr", "auc", "auroc", "auprc", "roc", "iou", "miou", "jaccard"),
        *("dice", "map", "ap", "mar", "r2", "psnr", "ssim", "bleu", "sacrebleu", "rouge", "meteor", "chrf", "cider"),
        *("ndcg", "mrr", "mcc", "kappa", "spearman", "pearson", "similarity", "reward"),
    }
)
_NEITHER = frozenset({"lr", "step", "scale", "weight", "weights", "coefficient", "threshold", "time", "count"})
"""Words that give a name another meaning. `loss_scale` is not a loss. `train/loss_step` is the mean of a few steps.
It has no best value, because the best value of a metric names an epoch."""

_SEPARATORS = re.compile(r"[^a-z0-9]+")
_CAMEL_CASE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def direction(metric: str, declared: Mapping[str, Direction] | None = None) -> Direction | None:
    """Return which values of `metric` are better. None if unknown: such a metric has no best value.

    The direction that the experiment declares for this name wins. Otherwise a whole word of the name decides
    (`val/rmse`, `eval_accuracy`, `testAUC`, `acc5`). Words for lower win: `top1_error` is an error.
    """
    if declared and metric in declared:
        return declared[metric]
    return _direction_of_name(metric)


@lru_cache(MAX_CACHED)  # The metrics of most runs have the same names.
def _direction_of_name(metric: str) -> Direction | None:
    words = set(_words(metric))
    if words & _NEITHER:
        return None
    if words & _LOWER:
        return "lower"
    return "higher" if words & _HIGHER else None


def directions(metrics: Iterable[str], declared: Mapping[str, Direction] | None = None) -> dict[str, Direction]:
    """Return the direction of each metric that has one."""
    found = {metric: direction(metric, declared) for metric in metrics}
    return {metric: way for metric, way in found.items() if way is not None}


def is_better(value: float, best: float, way: Direction) -> bool:
    """Whether `value` beats `best`. NaN beats nothing."""
    return value < best if way == "lower" else value > best


def _words(metric: str) -> Iterable[str]:
    """Yield the words of the name in lower case: as written, split at capitals, and without trailing digits."""
    lower = metric.lower()
    for text in {lower, _CAMEL_CASE.sub(" ", metric).lower(), lower.replace("cross_entropy", "xent")}:
        for word in filter(None, _SEPARATORS.split(text)):
            yield word
            yield word.rstrip("0123456789")
