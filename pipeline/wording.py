"""What answers and codes mean, in plain words: for result sheets, reports and web pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

WARNINGS_IN_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "no-lung": "No lung was found, so there is nothing to judge. Give axial slices through the chest.",
        "unlike-training": "The scan is unlike what the networks were trained on, or its lungs can't be made out, so "
        "no answer is given. Check that it is an axial CT of the chest, or for the networks of X-rays a frontal X-ray, "
        "the right way up, and no photograph of it.",
        "looks-like-xray": "The picture looks like a chest X-ray, which the networks for CT can't judge, so no answer "
        'is given. Use Pipeline.from_pretrained("xray"), or in commands --modality xray.',
        "looks-like-ct": "The picture looks like a CT slice, which the networks for X-rays can't judge, so no answer "
        "is given. Use Pipeline.from_pretrained(), or in commands --modality ct.",
        "partial-lung": "The lungs are cut off by the border of the picture. Give the whole slice.",
        "one-lung": "Only one lung was found. Look whether the other is missing in the picture or in the outline.",
        "implausible-area": "The outline covers less or more of the picture than lungs do. Look at it first.",
        "implausible-shape": "The outline falls into more parts than a pair of lungs. Look at it first.",
        "low-confidence": "The network that outlines the lungs is unsure of them. Look at the outline first.",
        "unknown-intensity": "What the pixel values mean is a guess: Hounsfield units or grey. Give the original "
        "DICOM, or say what they are with --intensity.",
        "duplicate-slices": "Several slices lie at the same place. The first of them was kept.",
        "missing-slices": "Slices are missing between others. Give the whole series.",
        "uneven-spacing": "The slices are not evenly spaced. The lung volume counts each slice's own share.",
        "gantry-tilt": "The scanner was tilted: slices are sheared against each other.",
        "unknown-orientation": "The file doesn't say how the patient lies. Slices were taken in the order of the file, "
        "the patient as lying on the back.",
        "inverted": "Black and white were exchanged, and have been turned back.",
        "coloured-marks": "There is colour in the picture, such as arrows or letters. Give the picture without them.",
    }
)
"""A sentence or two for every code that a `Prediction` may carry: what is the matter, and what to do about it."""

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


def warning_in_words(code: str) -> str:
    """Return the sentences of a warning; a code that has none stands for itself."""
    return WARNINGS_IN_WORDS.get(code, code)


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
