"""Explain answers in plain words, for result sheets, reports and web pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

DISCLAIMER = "Research software, not a medical device."

OUTLINE_IN_WORDS = "The light blue line is the outline of the lungs that were found; everything else was ignored."

HEATMAP_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "lesions": "Red areas are where the network sees infection, ground glass or consolidation: the redder, the "
        "more probable. The yellow line is the border of what counts as infected. The network learnt this from slices "
        "of nine COVID patients (Ma et al.). It is a measurement aid, not a diagnosis: other diseases with similar "
        "shadows are marked too.",
        "cam": "Red areas are evidence for COVID: the redder, the stronger. They show where the answer comes from, not "
        "where disease is: compared with infections drawn in CT slices, the class activation map does not locate them.",
        "occlusion": "Red areas are evidence for COVID: the redder, the more the answer changes when they are hidden. "
        "They show where the answer comes from: compared with infections drawn in CT slices, they are on infection "
        "more often than by chance, but they are coarse.",
    }
)
"""What the colours of a heatmap mean, for each kind; see `lungct.classify.Explain`."""

INTERVAL_IN_WORDS = (
    "The interval contains the probabilities of 90 % of networks like this one, trained on other patients from the "
    "same sources. It is not the chance that the answer is wrong."
)

LEVEL_OF_VOLUMES = "The error level was measured on single slices, not on volumes."

EXPLANATIONS_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "lesions": "map of infection",
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


def answer_in_words(label: str | None, prediction_set: Sequence[str]) -> str:
    """Return a label for readers: if neither label can be ruled out, the first word is "uncertain".

    Files and tables for programs keep the label as it is.
    """
    if label in ("COVID", "non-COVID") and len(prediction_set) > 1:
        return f"uncertain, leaning to {label}"
    return label or ""


def infected_in_words(fraction: float) -> str:
    """Return the infected share of lung as a percentage, without decimals that no measurement supports."""
    if 0 < fraction < 0.01:
        return "less than 1 %"
    return f"{100 * fraction:.0f} %"


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
