"""Draw 64 pictures of a folder with the lungs found in them, to judge a segmenter by eye.

Run: python docs/make_contact_sheets.py FOLDER OUT.jpg [--silhouettes]

`--silhouettes` draws the lungs alone: of data sets whose pictures may not be passed on, that much can be shown.
The 64 are drawn at random with a fixed seed.
"""

import random
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from skimage.segmentation import find_boundaries

from lungct.lungseg import LungSegmenter
from lungct.sources import read_scan, readable_suffixes
from lungct.sources.intensity import apply_window

COUNT, COLUMNS, SIDE = 64, 8, 224
CYAN = (0, 220, 255)


def tile(path: Path, segmenter: LungSegmenter, silhouette: bool) -> Image.Image:
    """Return one picture, fitted into a square, its lungs outlined in cyan; its warnings below."""
    scan = read_scan(path)
    lungs = segmenter.segment(scan)
    grey = np.zeros(scan.shape[1:]) if silhouette else apply_window(scan.pixels[0], scan.intensity, (-1350, 150))
    canvas = np.repeat(np.rint(grey * 255).astype(np.uint8)[..., None], 3, axis=2)
    if silhouette:
        canvas[:] = 25
        canvas[lungs.mask[0]] = CYAN
    picture = Image.fromarray(canvas)
    picture.thumbnail((SIDE, SIDE))
    if not silhouette:
        drawn = np.asarray(picture).copy()
        small = np.asarray(Image.fromarray(lungs.mask[0]).resize(picture.size)) > 0
        drawn[find_boundaries(small, mode="inner")] = CYAN
        picture = Image.fromarray(drawn)
    square = Image.new("RGB", (SIDE + 4, SIDE + 16))
    square.paste(picture)
    ImageDraw.Draw(square).text((2, SIDE + 2), " ".join(lungs.flags) or "-", fill=(255, 220, 0))
    return square


def main() -> None:
    """Draw the sheet."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in readable_suffixes())
    chosen = sorted(random.Random(0).sample(files, min(COUNT, len(files))))  # noqa: S311 - a sample, no secret
    segmenter = LungSegmenter.from_card(sys.argv[sys.argv.index("--card") + 1]) if "--card" in sys.argv else LungSegmenter()
    tiles = [tile(path, segmenter, "--silhouettes" in sys.argv) for path in chosen]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (COLUMNS * width, -(-len(tiles) // COLUMNS) * height))
    for index, one in enumerate(tiles):
        sheet.paste(one, (index % COLUMNS * width, index // COLUMNS * height))
    sheet.save(out, quality=85)


if __name__ == "__main__":
    main()
