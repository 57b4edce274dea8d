"""Explain answers in plain words, for result sheets, reports and web pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

DISCLAIMER = "Research software, not a medical device."

OUTLINE_IN_WORDS = "The light blue line is the outline of the lungs that were found; everything else was ignored."

HEATMAP_IN_WORDS = (
    "Red areas are evidence for COVID: the redder, the stronger. They show where the answer comes from, not where "
    "disease is: compared with infections drawn in CT slices, the class activation map does not locate them; occlusion "
    "does better."
)

INTERVAL_IN_WORDS = (
    "The interval contains the probabilities of 90 % of networks like this one, trained on other patients from the "
    "same sources. It is not the chance that the answer is wrong."
)

LEVEL_OF_VOLUMES = "The error level was measured on single slices, not on volumes."

EXPLANATIONS_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "cam": "class activation map of the network",
        "occlusion": "change of the answer when parts of the lungs are hidden",
    }
)
"""How a heatmap is made."""

LABELS_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "COVID": "At or above the threshold. Other pneumonias can look the same to the network.",
        "non-COVID": "Below the threshold. That does not rule COVID-19 out.",
        "indeterminate": "No answer is given, for the reason below.",
    }
)
"""How far to trust a label."""


def probability_in_words(probability: float, interval: tuple[float, float] | None) -> str:
    """Return a probability with its interval, as one phrase."""
    words = f"Probability of COVID {probability:.2f}"
    return words if interval is None else f"{words}, 90 % interval {interval[0]:.2f} to {interval[1]:.2f}"


def prediction_set_in_words(labels: Sequence[str], error_level: float) -> str:
    """Describe a conformal prediction set; an empty one means that neither label fits."""
    level = f"At an error level of {error_level * 100:.3g} %,"
    if not labels:
        return f"{level} neither COVID nor non-COVID fits."
    if len(labels) > 1:
        return f"{level} neither {' nor '.join(labels)} can be ruled out."
    return f"{level} {labels[0]} is the only answer left."
