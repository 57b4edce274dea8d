"""Measure how much of the heatmaps is on infection outlined by people, compared with chance and with wrong heatmaps.

Run: python -m benchmarks.trust.explanations CT LUNGS INFECTIONS --patients CSV [--sheet FILE.png]
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, get_args

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table
from scipy.stats import rankdata, spearmanr

from lungct.classify.evidence import SOFTENING, Evidence, Explain
from lungct.common.intervals import bootstrap_interval
from lungct.common.progress import with_progress
from lungct.lungseg.data.dataset import DataSet, LabelledScan
from lungct.pipeline import Pipeline, Prediction
from lungct.pipeline.results.overlay import draw_evidence

SHARE, SEED = 0.25, 0
"""The split of the shipped segmenter, and of the classifier's map of infection."""

EXPLAINS: tuple[Explain, ...] = get_args(Explain)

SHOWN = 16

MEASURES = ("mass", "chance", "highest", "auroc")
Heat = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Slice:
    """A slice with outlined infection, and its prediction with each kind of heatmap."""

    item: LabelledScan
    predictions: Mapping[str, Prediction]

    @property
    def lung(self) -> NDArray[np.bool_]:
        """The lungs found by the pipeline, (height, width)."""
        return self.predictions["cam"].slice_view(0).mask

    @property
    def infection(self) -> NDArray[np.bool_]:
        """The infection outlined inside them."""
        drawn = self.item.infection
        return self.lung & drawn[0] if drawn is not None else np.zeros_like(self.lung)

    def heat(self, explain: str, change: Callable[[Evidence], Evidence] = lambda same: same) -> Heat:
        """Return a heatmap with its evidence transformed."""
        (evidence,) = self.predictions[explain].classification.evidence
        return change(evidence).over(self.lung)


def undivided(evidence: Evidence) -> Evidence:
    """Undo the scaling of the class activation map."""
    return replace(evidence, grid=evidence.grid * np.float32(SOFTENING))


def mirrored(evidence: Evidence) -> Evidence:
    """Mirror the map: left and right lung differ little, but infection does."""
    return replace(evidence, grid=evidence.grid[:, ::-1])


def of_another(slices: Sequence[Slice], explain: str) -> list[Heat]:
    """Give each slice the evidence of another patient's slice."""
    found = []
    for index, one in enumerate(slices):
        turned = [*slices[index:], *slices[:index]]
        other = next(other for other in turned[len(turned) // 2 :] + turned if other.item.patient != one.item.patient)
        grid = other.predictions[explain].classification.evidence[0].grid
        found.append(one.heat(explain, lambda evidence, grid=grid: replace(evidence, grid=grid)))
    return found


def measure(heat: Heat, lung: NDArray[np.bool_], infection: NDArray[np.bool_]) -> tuple[float, ...]:
    """Return `MEASURES` of one slice.

    Returns
    -------
    mass : float
        Share of the map's mass, its height above 0.5 in the lung, that is on infection; NaN without mass.
    chance : float
        Infection's share of the lung.
    highest : float
        Whether the map's maximum is infected; if there are several, the infected share of them (pointing game).
    auroc : float
        Probability that an infected pixel has a higher value than another.
    """
    values, infected = heat[lung].astype(np.float64), infection[lung]
    strength = np.maximum(values - 0.5, 0)
    mass = strength[infected].sum() / strength.sum() if strength.any() else np.nan
    ranks, count, rest = rankdata(values), infected.sum(), (~infected).sum()
    auroc = (ranks[infected].sum() - count * (count + 1) / 2) / (count * rest)
    return mass, infected.mean(), infected[values == values.max()].mean(), auroc


def table_of(slices: Sequence[Slice], title: str) -> Table:
    """Return the figures of every kind of map: means over patients with 95 % intervals."""
    patients = [one.item.patient for one in slices]
    maps = {
        "infection": [one.heat("lesions") for one in slices],
        "- infection mirrored": [one.heat("lesions", mirrored) for one in slices],
        "- infection of another patient": of_another(slices, "lesions"),
        "class activation, undivided": [one.heat("cam", undivided) for one in slices],
        "class activation": [one.heat("cam") for one in slices],
        "- mirrored": [one.heat("cam", mirrored) for one in slices],
        "- of another patient": of_another(slices, "cam"),
        "occlusion": [one.heat("occlusion") for one in slices],
        "- its mirrored": [one.heat("occlusion", mirrored) for one in slices],
        "- its of another patient": of_another(slices, "occlusion"),
        "brightness alone": [one.predictions["cam"].slice_view(0).display for one in slices],
    }
    table = Table("map", "mass on infection", "of chance", "highest on infection", "AUROC in the lung", title=title)
    for name, heats in maps.items():
        found = [measure(heat, one.lung, one.infection) for heat, one in zip(heats, slices, strict=True)]
        mass, chance, highest, auroc = (by_patient(values, patients) for values in zip(*found, strict=True))
        table.add_row(name, mean(mass), mean(mass, chance), mean(highest), mean(auroc))
    table.caption = f"{len(slices)} slices of {len(chance)} patients; infected share of the lung {mean(chance)}"
    return table


def by_patient(values: Sequence[float], patients: Sequence[str]) -> NDArray[np.float64]:
    """Return the mean of every patient's slices without NaN; 0 if there are none."""
    names, known = np.asarray(patients), np.nan_to_num(values)
    counted = np.isfinite(values)
    return np.array([known[names == name].sum() / max(counted[names == name].sum(), 1) for name in np.unique(names)])


def mean(values: NDArray[np.float64], over: NDArray[np.float64] | None = None) -> str:
    """Return the mean over patients, or its ratio to another, with its bootstrap interval."""
    below = np.ones(len(values)) if over is None else over
    return in_words(lambda at: float(values[at].mean() / below[at].mean()), [str(at) for at in range(len(values))])


def in_words(statistic: Callable[[NDArray[np.intp]], float], patients: Sequence[str]) -> str:
    """Return a statistic with its bootstrap interval over patients."""
    lower, upper = bootstrap_interval(patients, statistic)
    return f"{statistic(np.arange(len(patients))):.3f} ({lower:.3f} to {upper:.3f})"


def burden(slices: Sequence[Slice]) -> str:
    """Describe how the share of the lung above 0.5 correlates with the infected share."""
    infected = np.array([one.infection.sum() / one.lung.sum() for one in slices])
    patients, lines = [one.item.patient for one in slices], []
    for explain in EXPLAINS:
        above = np.array([(one.heat(explain)[one.lung] > 0.5).mean() for one in slices])
        found = (
            in_words(lambda at, above=above: spearman(infected[at], above[at]), patients) if np.ptp(above) else "none"
        )
        lines.append(
            f"infected share against share above 0.5, {explain}: Spearman {found}; "
            f"{infected.mean():.3f} infected, {above.mean():.3f} above"
        )
    return "\n".join(lines)


def spearman(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the rank correlation; NaN if either is constant."""
    return float(spearmanr(one, other).statistic) if np.ptp(one) and np.ptp(other) else np.nan


def contact_sheet(slices: Sequence[Slice]) -> Image.Image:
    """Draw slices with infection outlined green: plain, then each kind of heatmap."""
    chosen = [slices[index] for index in np.unique(np.linspace(0, len(slices) - 1, SHOWN).astype(int))]
    rows = []
    for one in chosen:
        infection = one.infection
        inner = np.pad(infection, 1)
        edge = infection & ~(inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:])
        views = [one.predictions[explain].slice_view(0) for explain in EXPLAINS]
        plain = replace(views[0], heatmap=np.zeros(edge.shape, np.float32))
        tiles = [np.array(draw_evidence(view, 1.0)) for view in (plain, *views)]
        for tile in tiles:
            tile[edge] = (0, 255, 0)
        rows.append(np.hstack(tiles))
    half = -(-len(rows) // 2)
    left, right = np.vstack(rows[:half]), np.vstack(rows[half:])
    right = np.pad(right, ((0, len(left) - len(right)), (0, 0), (0, 0)))
    return Image.fromarray(np.hstack([left, right]))


def main(
    ct: Path,
    lungs: Path,
    infections: Path,
    patients: Annotated[Path | None, typer.Option(help="CSV of file and patient.")] = None,
    validation_share: Annotated[float, typer.Option(help="Of the patients.")] = SHARE,
    every: Annotated[bool, typer.Option("--every", help="Measure all patients too, those trained on as well.")] = False,
    sheet: Annotated[Path | None, typer.Option(help="Picture of validation slices to write.")] = None,
) -> None:
    """Print a table for the validation patients and, if wanted, one for all."""
    data_set = DataSet(ct, lungs, patients, infections)
    files, (_, chosen) = data_set.files(), data_set.split(validation_share, SEED)
    if len({files[path] for path in chosen}) < 2:
        raise typer.BadParameter("needs at least two patients in the validation part: give more slices, or --patients")
    held_out = {str(path) for path in chosen}
    pipe = Pipeline.from_pretrained()
    slices = []
    for item in with_progress(data_set.slices(None if every else chosen), "Explaining"):
        one = Slice(item, {explain: pipe.predict(item.scan, explain=explain) for explain in EXPLAINS})
        if one.infection.any() and (one.lung & ~one.infection).any():
            slices.append(one)
    validation = [one for one in slices if one.item.scan.source in held_out]
    console = Console(width=150)
    parts = [(validation, "Validation patients"), *([(slices, "All patients, partly trained on")] if every else [])]
    for part, title in parts:
        console.print(table_of(part, title))
        console.print(burden(part))
    if sheet:
        contact_sheet(validation).save(sheet)


if __name__ == "__main__":
    typer.run(main)
