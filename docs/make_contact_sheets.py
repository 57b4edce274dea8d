"""Draw 64 slices of a folder with the lungs found in them, to judge a segmenter by eye.

Run: python docs/make_contact_sheets.py FOLDER OUT.jpg [--silhouettes] [--crops]

`--silhouettes` draws the lungs alone: of data sets whose pictures may not be passed on, that much can be shown.
`--crops` shows each slice as a tight crop in a random window first. The 64 are drawn with a fixed seed.
"""

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage.segmentation import find_boundaries

from lungct.lungseg import LungSegmenter
from lungct.lungseg.data.views import as_picture
from lungct.sources import Scan, read_scan, readable_suffixes
from lungct.sources.intensity import LUNG_WINDOW, apply_window

COUNT, COLUMNS, SIDE = 64, 8, 160
CYAN, GROUND, YELLOW = (0, 220, 255), (25, 25, 25), (255, 220, 0)


def slices_of(folder: Path) -> Iterator[Scan]:
    """Yield every slice of every readable file below a folder."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in readable_suffixes():
            scan = read_scan(path)
            yield from (Scan(pixels[None], scan.intensity, source=scan.source) for pixels in scan.pixels)


def crops_of(scans: Iterator[Scan], segmenter: LungSegmenter) -> Iterator[Scan]:
    """Yield each slice with lung as a tight crop in a random window."""
    rng = np.random.default_rng(0)
    for scan in scans:
        mask = segmenter.segment(scan).mask[0]
        if mask.any():
            yield as_picture(scan, mask, rng)[0]


def tile(scan: Scan, segmenter: LungSegmenter, silhouette: bool) -> Image.Image:
    """Return one slice, fitted into a square, its lungs outlined in cyan; its warnings above."""
    lungs = segmenter.segment(scan)
    grey = np.rint(apply_window(scan.pixels[0], scan.intensity, LUNG_WINDOW) * 255).astype(np.uint8)
    picture = Image.fromarray(grey).convert("RGB")
    picture.thumbnail((SIDE, SIDE))
    mask = np.asarray(Image.fromarray(lungs.mask[0]).resize(picture.size)) > 0
    canvas = np.full((*mask.shape, 3), GROUND, np.uint8) if silhouette else np.asarray(picture).copy()
    canvas[mask if silhouette else find_boundaries(mask, mode="inner")] = CYAN
    square = Image.new("RGB", (SIDE + 4, SIDE + 16))
    square.paste(Image.fromarray(canvas), (0, 12))
    ImageDraw.Draw(square).text((2, 0), " ".join(lungs.flags), fill=YELLOW)
    return square


def main() -> None:
    """Draw the sheet."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    segmenter = LungSegmenter()
    scans = list(crops_of(slices_of(folder), segmenter) if "--crops" in sys.argv else slices_of(folder))
    chosen = random.Random(0).sample(scans, min(COUNT, len(scans)))  # noqa: S311 - a sample, no secret
    tiles = [tile(scan, segmenter, "--silhouettes" in sys.argv) for scan in chosen]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (COLUMNS * width, -(-len(tiles) // COLUMNS) * height))
    for index, one in enumerate(tiles):
        sheet.paste(one, (index % COLUMNS * width, index // COLUMNS * height))
    sheet.save(out, quality=80)


if __name__ == "__main__":
    main()
