"""The figures of Bingel & Søgaard 2017, *Identifying beneficial task relations for multi-task learning in deep neural
networks*, EACL."""

from typing import Dict, NamedTuple


class Published(NamedTuple):
    """Accuracy, and F1 of the class of gains."""

    accuracy: float
    f1: float


# Table 2, by the keys of `Row`. Their majority baseline: the accuracy is of never a gain, the F1 of always a gain.
TABLE_2: Dict[str, Published] = {
    "majority": Published(0.555, 0.615),
    "all": Published(0.749, 0.669),
    "data": Published(0.665, 0.542),
    "best": Published(0.785, 0.713),
}

# Directed pairs of their ten tasks, section 4.
NUM_PAIRS, NUM_GAINS = 90, 40

# Coefficients with all features, means over 100 fits, as printed in the notebook that the authors published with their
# code; all features scaled to 0..1 over all pairs. Table 3 shows the largest of them.
COEFFICIENTS: Dict[str, float] = {
    "main_gradient_30": -1.566,
    "main_gradient_20": -1.164,
    "main_curve_c": 1.007,
    "main_labels": 0.828,
    "auxiliary_label_entropy": 0.798,
    "auxiliary_gradient_30": 0.791,
    "main_gradient_50": 0.781,
    "main_oov_rate": 0.697,
    "ratio_oov_rate": 0.678,
    "auxiliary_gradient_20": 0.576,
    "main_frobenius_norm": -0.516,
    "ratio_labels": 0.504,
    "main_gradient_70": 0.434,
    "ratio_label_entropy": -0.411,
    "auxiliary_frobenius_norm": 0.346,
    "main_tokens_per_type": -0.297,
    "auxiliary_curve_b": -0.297,
    "auxiliary_gradient_70": -0.279,
    "auxiliary_gradient_10": 0.268,
    "auxiliary_tokens_per_type": 0.254,
    "ratio_curve_b": -0.241,
    "auxiliary_sentences": 0.237,
    "ratio_frobenius_norm": -0.234,
    "auxiliary_js_divergence": -0.207,
    "auxiliary_labels": -0.184,
    "auxiliary_curve_c": -0.174,
    "ratio_tokens_per_type": -0.117,
    "ratio_curve_c": -0.104,
    "ratio_gradient_20": 0.104,
    "main_label_entropy": -0.102,
    "auxiliary_gradient_50": -0.099,
    "ratio_gradient_50": 0.077,
    "auxiliary_oov_rate": 0.061,
    "ratio_gradient_30": -0.060,
    "main_sentences": -0.033,
    "main_curve_b": 0.027,
    "ratio_gradient_10": 0.023,
    "main_js_divergence": 0.019,
    "ratio_js_divergence": -0.015,
    "main_gradient_10": 0.007,
    "ratio_sentences": -0.007,
    "ratio_gradient_70": -0.000,
}
