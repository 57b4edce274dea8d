"""What answers mean, in plain words: for result sheets, reports and web pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

DISCLAIMER = "Research software, not a medical device."

OUTLINE_IN_WORDS = "The light blue line is the outline of the lungs that were found; all else was ignored."

HEATMAP_IN_WORDS = (
    "Red speaks for COVID, the redder the more. That is where the answer comes from, not where disease is: measured on "
    "infection drawn in CT slices, the class activation map does not point at it, that made by occlusion does better."
)

INTERVAL_IN_WORDS = (
    "The interval holds what 90 % of networks like this one would say had they learnt from other patients of the same "
    "sources. It is not the chance that the answer is wrong."
)

LEVEL_OF_VOLUMES = "The error level was measured on single slices, not on volumes."

EXPLANATIONS_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "cam": "class activation map of the network",
        "occlusion": "what changes when parts of the lungs are hidden",
    }
)
"""Where a heatmap comes from."""

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
    """Return what a conformal prediction set says; an empty one says that no label fits."""
    level = f"At an error level of {error_level * 100:.3g} %"
    if not labels:
        return f"{level} neither COVID nor non-COVID fits."
    if len(labels) > 1:
        return f"{level} neither {' nor '.join(labels)} can be ruled out."
    return f"{level} {labels[0]} is the only answer left."
