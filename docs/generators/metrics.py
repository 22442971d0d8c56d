"""The page of the metrics and the table of their names in the glossary, made from the registry."""

from __future__ import annotations

import re
import sys

from docs.generators.markdown import escaped, table

import gramax.metrics  # noqa: F401  (importing it fills the registry)
from gramax.metrics.registry import METRICS, QUESTIONS, Metric

INTRO = """# Metrics

This page is made from the registry of metrics by `make docs`. On the input named under
*degenerate*, a metric is undefined (NaN, with the reason) and never scores well. What the words and
abbreviations mean stands in the [glossary](glossary.md).
"""

FULL_NAMES = {
    "active_codes": "random codes that can be active at once",
    "alpha_req": "exponent α of the decay of the eigenspectrum (representation quality)",
    "anti_hub_share": "share of rows that are nobody's neighbour",
    "cdnv": "class-distance normalised variance",
    "class_babel": "Babel function (cumulative coherence) of the class codes",
    "class_simplex_error_centred": "simplex error of the centred class means",
    "class_welch_gap": "gap between the coherence of the class codes and the Welch bound",
    "feature_dimensionality": "mean dimensionality of the features (codes) of a dictionary",
    "gnc2_log_mean": "second property of generalised neural collapse, hyperspherical uniformity: "
    "mean log inverse distance",
    "gnc2_log_variance": "second property of generalised neural collapse, hyperspherical "
    "uniformity: variance of the log inverse distances",
    "guaranteed_codes": "codes that are guaranteed to be told apart, by the Babel function",
    "isoscore": "isotropy score",
    "lidar": "linear discriminant analysis rank",
    "mle_id": "maximum-likelihood estimate of the intrinsic dimension",
    "nc1_pinv": "first property of neural collapse, variability collapse: by the pseudo-inverse of "
    "the scatter between classes",
    "nc1_quotient": "first property of neural collapse, variability collapse: as a quotient of "
    "traces",
    "nc1_svd": "first property of neural collapse, variability collapse: by a truncated singular "
    "value decomposition",
    "nc2_equiangular": "second property of neural collapse: equal angles between class means",
    "nc2_equinorm": "second property of neural collapse: equal lengths of class means",
    "nc2_etf_error": "second property of neural collapse: distance from a simplex equiangular "
    "tight frame",
    "nc3_self_duality": "third property of neural collapse: self-duality of classifier and class "
    "means",
    "nc3_uniform_duality": "third property of generalised neural collapse: uniform duality of "
    "classifier and class means",
    "nc4_agreement": "fourth property of neural collapse: agreement with the nearest class mean",
    "nc5_orthogonality": "fifth property of neural collapse: orthogonality to rows of no class",
    "nesum": "normalised eigenvalue sum",
    "rankme": "RankMe, an effective rank of the singular values",
    "scatter_ratio": "scatter ratio, the weak form of the first property of neural collapse",
    "two_nn": "intrinsic dimension by the two nearest neighbours",
    "vci": "variability collapse index (VCI)",
    "within_class_variance": "within-class variance",
}
"""What the letters of a name stand for; a metric without an entry is called by its name."""

TABLE_START, TABLE_END = "<!-- metrics: made by `make docs` -->", "<!-- end -->"
GLOSSARY_TABLE = re.compile(f"(?<={TABLE_START}\n).*?(?={TABLE_END})", re.DOTALL)


def page() -> str:
    """Every metric, under the question that it answers: docs/metrics.md."""
    parts = [INTRO]
    for question, asks in QUESTIONS.items():
        parts.append(f"\n## {asks}\n")
        parts += [_metric(metric) for metric in METRICS.everything() if metric.question == question]
    return "".join(parts)


def _metric(metric: Metric) -> str:
    rows = metric.declared()
    del rows["question"], rows["meaning"]
    lines = [f"- **{name}**: {escaped(text)}\n" for name, text in rows.items()]
    meaning = f"{metric.meaning[0].upper()}{metric.meaning[1:]}."
    return f"\n### `{metric.name}`\n{escaped(meaning)}\n\n" + "".join(lines)


def glossary(written: str) -> str:
    """The glossary, its table of metrics anew between the two comments that enclose it."""
    metrics = METRICS.everything()
    if unknown := FULL_NAMES.keys() - {metric.name for metric in metrics}:
        sys.exit(f"FULL_NAMES in {__file__} names metrics that are not there: {sorted(unknown)}")
    rows = [_row(metric) for metric in sorted(metrics, key=lambda one: one.name)]
    head = ("name in reports", "short", "full name", "what it measures")
    found, count = GLOSSARY_TABLE.subn(lambda _: f"\n{table(head, rows)}\n", written)
    if count != 1:
        sys.exit("docs/glossary.md needs one pair of comments around its table of metrics")
    return found


def _row(metric: Metric) -> tuple[str, str, str, str]:
    link = f"[`{metric.name}`](metrics.md#{metric.name.lower()})"
    full_name = FULL_NAMES.get(metric.name, metric.name.replace("_", " "))
    return link, metric.abbreviation, full_name, escaped(metric.meaning)
