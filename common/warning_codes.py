"""Define the warning codes: doubts about an input, its lungs or its answer, each with a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Origin = Literal["answer", "lungs", "reading", "preprocess"]
"""Stage that gives a code: the pipeline, instead of an answer; the segmenter; reading; preprocessing for training."""


@dataclass(frozen=True)
class Code:
    """Meaning and remedy of a warning code.

    Parameters
    ----------
    origin : {"answer", "lungs", "reading", "preprocess"}
    meaning : str
        The problem, in a sentence or two.
    remedy : str
        What to do about it; empty if there is nothing to do.
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
            "No lung was found, so there is nothing to classify.",
            "Give axial slices through the chest.",
        ),
        "unlike-training": Code(
            "answer",
            "The scan is unlike the training data, or its lungs can't be segmented reliably, so no answer is given.",
            "Check that it is an axial chest CT (or, for the X-ray networks, a frontal chest X-ray), the right way up "
            "and not a photograph of a screen or film.",
        ),
        "several-panels": Code(
            "answer",
            "The picture shows several slices side by side, or little but margins, so no answer is given.",
            "Give each slice as a picture of its own, without margins.",
        ),
        "looks-like-xray": Code(
            "answer",
            "The picture looks like a chest X-ray, which the CT networks can't classify, so no answer is given.",
            'Use Pipeline.from_pretrained("xray"), or --modality xray on the command line.',
        ),
        "looks-like-ct": Code(
            "answer",
            "The picture looks like a CT slice, which the X-ray networks can't classify, so no answer is given.",
            "Use Pipeline.from_pretrained(), or --modality ct on the command line.",
        ),
        "sparse-slices": Code(
            "answer",
            "The slices are more than 10 mm apart. The lung volume is an estimate.",
            "Give the whole series.",
        ),
        "implausible-volume": Code(
            "answer",
            "The lung volume is not that of human lungs, from 50 ml in newborns to 12 l.",
            "Check the spacing (lungct info shows it) and the outline.",
        ),
        "implausible-extent": Code(
            "answer",
            "The lungs are wider, deeper or taller than a human chest, or less than 4 cm wide.",
            "Check the spacing (lungct info shows it) and the outline.",
        ),
        "implausible-density": Code(
            "answer",
            "The mean density of the lungs is not that of lungs, -970 to -200 HU.",
            "Check that the values are Hounsfield units (lungct info shows them) and the outline.",
        ),
        "assumed-sides": Code(
            "answer",
            "The image doesn't say which side is which. Its left counts as the patient's right, as for radiologists.",
        ),
        "partial-lung": Code("lungs", "The lungs are cut off by the border of the picture.", "Give the whole slice."),
        "one-lung": Code(
            "lungs",
            "Only one lung was found.",
            "Check whether the other one is missing in the picture or only in the outline.",
        ),
        "implausible-area": Code(
            "lungs", "The outline covers less or more of the picture than lungs do.", "Check the outline first."
        ),
        "implausible-shape": Code(
            "lungs", "The outline has more parts than a pair of lungs.", "Check the outline first."
        ),
        "low-confidence": Code(
            "lungs", "The network that outlines the lungs is unsure about them.", "Check the outline first."
        ),
        "lungs-cut-out": Code(
            "lungs",
            "The lungs in the picture were already cut out by someone else. What is left of it counts as lung.",
            "Give the whole slice if you can: dense parts of the lungs may have been cut off.",
        ),
        "incomplete-lungs": Code(
            "lungs",
            "The first or last slice still shows much lung, so the scan doesn't cover all of the lungs. "
            "Their volume is a lower limit.",
            "Give the whole series.",
        ),
        "grouped-without-uid": Code(
            "reading",
            "The slices have no SeriesInstanceUID, or each its own. They were taken for one series because folder, "
            "patient, study, series number, size, spacing and direction agree.",
            "Check that all slices belong to one scan.",
        ),
        "split-by-tags": Code(
            "reading",
            "The series contains several acquisitions or reconstructions of the same region. Its tags tell them apart; "
            "each of them is a scan of its own.",
        ),
        "split-by-folder": Code(
            "reading",
            "Slices of one SeriesInstanceUID in several folders overlap. Those of each folder are a scan of their own.",
            "Check that the slices of each folder belong to one patient.",
        ),
        "split-by-order": Code(
            "reading",
            "The series contains several acquisitions of the same region. No tag tells them apart, so they were "
            "divided by the order of their slices.",
            "Export each acquisition as a series of its own.",
        ),
        "ordered-by-location": Code(
            "reading",
            "The positions of the slices are missing or all the same. Slices are ordered by slice location.",
            "Give the original DICOM.",
        ),
        "ordered-by-number": Code(
            "reading",
            "The positions of the slices are missing or all the same. Slices are ordered by instance number.",
            "Give the original DICOM.",
        ),
        "part-of-series": Code(
            "reading",
            "Other slices of the same series lie beside this file. This answer is about one slice.",
            "Give the folder to get one answer about the whole scan.",
        ),
        "unreadable-tags": Code(
            "reading",
            "Tags that the pixels don't need, such as spacing or window, can't be read and count as missing.",
        ),
        "duplicate-slices": Code("reading", "Several slices have the same position. The first one acquired was kept."),
        "missing-slices": Code(
            "reading",
            "Slices are missing: some gaps are more than one and a half times the usual spacing. The volume leaves "
            "out what they would have shown.",
            "Give the whole series.",
        ),
        "uneven-spacing": Code(
            "reading",
            "The slices are not evenly spaced: gaps differ by more than 5 %. The lung volume takes this into account.",
        ),
        "gantry-tilt": Code(
            "reading", "The gantry was tilted by more than 1 degree, so the slices are sheared against each other."
        ),
        "unknown-orientation": Code(
            "reading",
            "The file doesn't give the patient's orientation. Slices are used in file order, and the patient is "
            "assumed to lie on the back.",
        ),
        "unknown-spacing": Code(
            "reading",
            "The file doesn't give the distances between pixels: 1 mm everywhere is what programs write by default. "
            "Volumes in ml are left out.",
            "Give the original DICOM, or write the file with its spacing.",
        ),
        "inverted": Code("reading", "Black and white were inverted; this has been undone."),
        "suffix-mismatch": Code(
            "reading",
            "The suffix of the file name contradicts its content. The content was read.",
            "Rename the file.",
        ),
        "coloured-marks": Code(
            "reading",
            "The picture has coloured marks, such as arrows or letters.",
            "Give the picture without them.",
        ),
        "unknown-intensity": Code(
            "reading",
            "It is a guess whether the pixel values are Hounsfield units or grey.",
            "Give the original DICOM, or set --intensity.",
        ),
        "implausible-values": Code(
            "reading",
            "The pixel values can't be the Hounsfield units that they were declared to be: none is air or lung, or "
            "all have an offset.",
            "Leave out --intensity, or subtract the offset first (often 1024 or 32768).",
        ),
        "no-slice-kept": Code(
            "preprocess", "The settings exclude all slices of the input.", "Lower --min-lung or --every."
        ),
    }
)
"""All codes. To add one, add a row here and emit the code where the problem is detected."""


def codes_of(origin: Origin) -> tuple[str, ...]:
    """Return the codes of an origin, in the order used in results."""
    return tuple(code for code, known in CODES.items() if known.origin == origin)


def warning_in_words(code: str) -> str:
    """Return a code's meaning and remedy; an unknown code, from another version, is returned unchanged."""
    return CODES[code].words if code in CODES else code
