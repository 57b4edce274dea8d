"""Scans with hand-made infection, and a classifier whose map of infection is the brightness of the slice."""

import numpy as np

from lungct.classify import Classification, Evidence
from lungct.classify.evaluation.lesions.measure import AnnotatedScan
from lungct.sources import Scan

SIDE = 40
LUNGS = np.zeros((SIDE, SIDE), bool)
LUNGS[10:30, 5:35] = True  # 600 pixels


class Brightness:
    """Find infection where a slice is bright; with `has_map` false, there is no map."""

    def __init__(self, has_map=True):
        self.has_map = has_map

    def classify(self, scan, masks, explain="lesions"):
        everywhere = (slice(0, SIDE), slice(0, SIDE))
        lesions = tuple(
            Evidence(8 * pixels - 4, everywhere) if mask.any() else None
            for pixels, mask in zip(scan.pixels, masks, strict=True)
        )
        chance = np.full(len(scan), 0.5, np.float32)
        return Classification(0.5, chance, lesions, lesions=lesions if self.has_map else ())


def rectangle(rows, columns):
    """Return a mask with one rectangle, given as (first, end) of its rows and columns."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[slice(*rows), slice(*columns)] = True
    return mask


def annotated(found, drawn, patient="P1", lungs=LUNGS, data_set="set"):
    """Return a slice that is bright where infection shall be found."""
    scan = Scan(found.astype(np.float32)[None], "display", source=f"{patient}.png")
    return AnnotatedScan(scan, lungs[None], drawn[None], patient, data_set)


NOTHING = np.zeros((SIDE, SIDE), bool)
