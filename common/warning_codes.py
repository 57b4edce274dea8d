"""The warning codes: one table of what can be doubtful about an input, its lungs or its answer, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Origin = Literal["answer", "lungs", "reading", "preprocess"]
"""What gives a code: the pipeline, in place of an answer; the segmenter; reading; cutting slices for training."""


@dataclass(frozen=True)
class Code:
    """What a code means.

    Parameters
    ----------
    origin : {"answer", "lungs", "reading", "preprocess"}
    meaning : str
        What is the matter, a sentence or two.
    remedy : str
        What to do about it; empty where there is nothing to do.
    """

    origin: Origin
    meaning: str
    remedy: str = ""

    @property
    def words(self) -> str:
        """Meaning and remedy."""
        return f"{self.meaning} {self.remedy}".strip()


CODES: Mapping[str, Code] = MappingProxyType(
    {
        "no-lung": Code(
            "answer",
            "No lung was found, so there is nothing to judge.",
            "Give axial slices through the chest.",
        ),
        "unlike-training": Code(
            "answer",
            "The scan is unlike the training data, or its lungs can't be made out, so no answer is given.",
            "Check that it is an axial CT of the chest, or for the networks of X-rays a frontal X-ray, the right way "
            "up, and no photograph of it.",
        ),
        "looks-like-xray": Code(
            "answer",
            "The picture looks like a chest X-ray, which the networks for CT can't judge, so no answer is given.",
            'Use Pipeline.from_pretrained("xray"), or in commands --modality xray.',
        ),
        "looks-like-ct": Code(
            "answer",
            "The picture looks like a CT slice, which the networks for X-rays can't judge, so no answer is given.",
            "Use Pipeline.from_pretrained(), or in commands --modality ct.",
        ),
        "partial-lung": Code("lungs", "The lungs are cut off by the border of the picture.", "Give the whole slice."),
        "one-lung": Code(
            "lungs",
            "Only one lung was found.",
            "Look whether the other is missing in the picture or in the outline.",
        ),
        "implausible-area": Code(
            "lungs", "The outline covers less or more of the picture than lungs do.", "Look at it first."
        ),
        "implausible-shape": Code(
            "lungs", "The outline falls into more parts than a pair of lungs.", "Look at it first."
        ),
        "low-confidence": Code(
            "lungs", "The network that outlines the lungs is unsure of them.", "Look at the outline first."
        ),
        "lungs-cut-out": Code(
            "lungs",
            "The lungs were cut out of the picture before, and what was left of it is taken for lung.",
            "Give the whole slice if you have it: dense parts of the lungs may have been cut off.",
        ),
        "duplicate-slices": Code(
            "reading", "Several slices lie at the same place. The first of the acquisition was kept."
        ),
        "missing-slices": Code(
            "reading", "Slices are missing: there are gaps of two steps or more.", "Give the whole series."
        ),
        "uneven-spacing": Code(
            "reading",
            "The slices are not evenly spaced: gaps differ by more than 5 %. The lung volume counts each slice's own "
            "share.",
        ),
        "gantry-tilt": Code(
            "reading", "The scanner was tilted: slices are sheared against each other by more than 1 degree."
        ),
        "unknown-orientation": Code(
            "reading",
            "The file doesn't say how the patient lies. Slices were taken in the order of the file, the patient as "
            "lying on the back.",
        ),
        "inverted": Code("reading", "Black and white were exchanged, and have been turned back."),
        "coloured-marks": Code(
            "reading",
            "There is colour in the picture, such as arrows or letters.",
            "Give the picture without them.",
        ),
        "unknown-intensity": Code(
            "reading",
            "What the pixel values mean is a guess: Hounsfield units or grey.",
            "Give the original DICOM, or say what they are with --intensity.",
        ),
        "no-slice-kept": Code(
            "preprocess", "The settings leave none of the input's slices.", "Loosen --min-lung or --every."
        ),
    }
)
"""Every code there is. To add one, add its row here and give it where it is found."""


def codes_of(origin: Origin) -> tuple[str, ...]:
    """Return the codes of an origin, in the order in which results give them."""
    return tuple(code for code, known in CODES.items() if known.origin == origin)


def warning_in_words(code: str) -> str:
    """Return what a code means and what to do; a code of another version stands for itself."""
    return CODES[code].words if code in CODES else code
