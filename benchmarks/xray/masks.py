"""Make lung masks of chest X-rays with a trained segmenter, for a person to check and the next segmenter to learn from.

Nobody outlined the lungs on these X-rays. The CT segmenter outlines most of them correctly, because lungs are dark
between brighter tissue in both. So those of its masks that pass a check by eye train a segmenter for X-rays, whose
masks, checked again, train the next one: docs/xray.md.

For each picture, the mean over three gammas and the mirror image is taken, and the two largest parts of the lung are
kept, smoothed and without holes. Nothing is written for a table's validation part, which measures what is trained here.

Run: python -m benchmarks.xray.masks xrays.csv OUT --round 1 [--segmenter CARD]
Writes to OUT: sheets of all training pictures to check, numbered as in names.txt, and images/, masks/ and patients.csv
of those that `rejected.csv` doesn't name for this round.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.measure import label, regionprops
from skimage.morphology import closing, disk, opening
from skimage.segmentation import find_boundaries

from lungct.classify.data.dataset import Example, read_examples, split_examples
from lungct.common.text import write_csv
from lungct.lungseg import LungSegmenter
from lungct.sources import Scan, read_scan

REJECTED = Path(__file__).with_name("rejected.csv")
"""The pictures whose masks were rejected when checked, by round."""

GAMMAS = (0.7, 1.0, 1.5)
SMALLEST = 0.015
"""Share of the picture below which a part doesn't count as lung."""

SHEET, TILE = 60, 200
"""Pictures on a sheet, and the side of each in pixels."""


def probability(segmenter: LungSegmenter, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean probability of lung over gammas and mirror images, float32 (height, width)."""
    views = [pixels ** np.float32(gamma) for gamma in GAMMAS]
    found = [next(segmenter.probabilities(Scan(view[None], "display"))) for view in views]
    mirrored = [np.ascontiguousarray(view[:, ::-1]) for view in views]
    found += [next(segmenter.probabilities(Scan(view[None], "display")))[:, ::-1] for view in mirrored]
    return np.asarray(np.mean(found, axis=0), dtype=np.float32)


def two_lungs(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Keep the two largest parts, smoothed and without holes; small ones at the left or right border are air."""
    side = min(mask.shape)
    parts = label(opening(mask, disk(round(0.012 * side))))
    candidates = [part for part in regionprops(parts) if part.area > SMALLEST * mask.size]
    inside = [part for part in candidates if not _at_side(part.bbox, mask.shape[1]) or part.area > 0.05 * mask.size]
    largest = sorted(inside, key=lambda part: -part.area)[:2]
    kept = np.isin(parts, [part.label for part in largest])
    radius = round(0.03 * side)
    closed = closing(np.pad(kept, radius), disk(radius))[radius:-radius, radius:-radius]
    return np.asarray(ndimage.binary_fill_holes(closed), dtype=np.bool_)


def _at_side(box: Sequence[int], width: int) -> bool:
    return box[1] == 0 or box[3] == width


def draw_sheets(items: Sequence[tuple[Example, NDArray[np.float32], NDArray[np.bool_]]], out: Path) -> None:
    """Draw numbered pictures with outlines, `SHEET` on each."""
    for first in range(0, len(items), SHEET):
        chosen = items[first : first + SHEET]
        sheet = Image.new("RGB", (10 * TILE, -(-len(chosen) // 10) * TILE))
        for at, (_, pixels, mask) in enumerate(chosen):
            scale = TILE / max(pixels.shape)
            size = (int(pixels.shape[1] * scale), int(pixels.shape[0] * scale))
            tile = np.array(Image.fromarray((pixels * 255).astype(np.uint8)).resize(size).convert("RGB"))
            tile[find_boundaries(np.asarray(Image.fromarray(mask).resize(size)))] = (255, 40, 40)
            corner = (at % 10 * TILE, at // 10 * TILE)
            sheet.paste(Image.fromarray(tile), corner)
            ImageDraw.Draw(sheet).text((corner[0] + 2, corner[1] + 2), str(first + at), fill=(255, 255, 0))
        sheet.save(out / f"sheet-{first // SHEET}.png")


def main() -> None:
    """Find the lungs of the training pictures and write the output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path, help="of benchmarks/xray/cases.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--segmenter", type=Path, help="card; the shipped segmenter of CT slices by default")
    parser.add_argument("--round", required=True, help="1, 2 or 3: whose rejected pictures to leave out")
    parser.add_argument("--validation-share", type=float, default=0.25, help="as in training the classifier")
    given = parser.parse_args()
    segmenter = LungSegmenter.from_card(given.segmenter) if given.segmenter else LungSegmenter()
    training, _ = split_examples(read_examples(given.table), given.validation_share, seed=0)
    with REJECTED.open(newline="", encoding="utf-8") as file:
        rejected = {row["name"] for row in csv.DictReader(file) if row["round"] == given.round}
    for name in ("images", "masks"):
        (given.out / name).mkdir(parents=True, exist_ok=True)
    items, rows = [], []
    for example in training:
        pixels = read_scan(example.path).pixels[0]
        mask = two_lungs(probability(segmenter, pixels) > segmenter.threshold)
        items.append((example, pixels, mask))
        if example.path.name not in rejected:
            name = f"{example.path.stem}.png"
            Image.fromarray(np.rint(pixels * 255).astype(np.uint8)).save(given.out / "images" / name)
            Image.fromarray(mask.astype(np.uint8) * 255).save(given.out / "masks" / name)
            rows.append({"file": name, "patient": example.patient})
    write_csv(given.out / "patients.csv", ["file", "patient"], rows)
    draw_sheets(items, given.out)
    (given.out / "names.txt").write_text("\n".join(item.path.name for item, _, _ in items), encoding="utf-8")


if __name__ == "__main__":
    main()
