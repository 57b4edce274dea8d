"""The project's targets, and whether this run met them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..common.sections import Row, Section, text
from .settings import Figures

MET, MISSED, UNKNOWN = "met", "missed", "not measured"


@dataclass(frozen=True)
class Target:
    """One target.

    Parameters
    ----------
    what : str
    bound : float
    above : str
        Name of a figure.
    below : str, optional
        Name of the figure that divides it.
    least : bool
        Whether the bound is a minimum, not a maximum.
    unit : str
    """

    what: str
    bound: float
    above: str
    below: str | None = None
    least: bool = True
    unit: str = "x"

    def value(self, figures: Mapping[str, float]) -> float | None:
        """Return the measured value; None if something was not measured."""
        if self.above not in figures or (self.below is not None and self.below not in figures):
            return None
        return figures[self.above] / (1 if self.below is None else figures[self.below])

    def verdict(self, figures: Mapping[str, float]) -> str:
        """Return whether it was met."""
        value = self.value(figures)
        if value is None:
            return UNKNOWN
        return MET if (value >= self.bound if self.least else value <= self.bound) else MISSED

    def row(self, figures: Mapping[str, float]) -> Row:
        """Return its row of the table."""
        value = self.value(figures)
        parts = [f"{text(figures[name])} ms" for name in (self.above, self.below) if name and name in figures]
        return {
            "target": self.what,
            "wanted": f"{'at least' if self.least else 'at most'} {self.bound:g} {self.unit}".strip(),
            "measured": None if value is None else f"{text(value)} {self.unit}".strip(),
            "from": " / ".join(parts) if self.below and value is not None else None,
            "verdict": self.verdict(figures),
        }


TARGETS = (
    Target("whole pipeline, PNG file, against the notebook's recipe in Keras", 100, "recipe_ms", "pipeline_ms"),
    Target("stage 1, one slice of 512 x 512, against lungmask's network", 15, "lungmask_ms", "segment_ms"),
    Target("stage 2, bare network, against Keras predict of the same", 20, "keras_classifier_ms", "classifier_ms"),
    Target("the same, against that of EfficientNetB0 at 224 x 224", 20, "keras_efficientnet_ms", "classifier_ms"),
    Target("series from DICOM files, over its bare networks", 1.15, "series_ms", "bare_ms", least=False),
    Target("series from memory, over its bare networks", 1.15, "scan_ms", "bare_ms", least=False),
    Target("cold start, from import to the first answer", 1.0, "cold_start_s", least=False, unit="s"),
    Target("peak memory, one picture", 350, "picture_mb", least=False, unit="MB"),
)

SHARE = "share of peak: "
"""Prefix of the name of each network's figure; the run determines which networks there are."""


def judge(figures: Figures, *, quick: bool = False) -> Section:
    """Return the table of all targets; a quick run shows it, but its times must not be quoted."""
    shares = [
        Target(f"GFLOP/s of {name.removeprefix(SHARE)}, over the peak", 0.6, name, unit="")
        for name in figures
        if name.startswith(SHARE)
    ]
    rows = [target.row(figures) for target in (*TARGETS[:-2], *shares, *TARGETS[-2:])]
    met = sum(row["verdict"] == MET for row in rows)
    return Section(
        "targets",
        f"Targets: {met} of {len(rows)} met",
        rows,
        "A quick run: don't quote its figures." if quick else "Medians of this run.",
    )
