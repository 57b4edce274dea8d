"""Write lung masks drawn by eye for validation pictures of covid-xray, in the form used by `lungct evaluate lungseg`.

`outlines.json` holds, for every second COVID and every third other picture of the validation part, the right lung
and the left as polygons, in hundredths of the picture's width and height. They were drawn on the
pictures without masks, by one observer who is not a radiologist: the visible lungs beside the heart and above the
diaphragm. No network was trained on these pictures.

Run: python -m benchmarks.xray.outlines covid-xray OUT
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from PIL import Image, ImageDraw

OUTLINES = Path(__file__).with_suffix(".json")

Polygon = list[tuple[float, float]]


def draw(size: tuple[int, int], lungs: list[Polygon]) -> Image.Image:
    """Return a mask, 255 where the lungs are, of (width, height)."""
    mask = Image.new("L", size)
    for polygon in lungs:
        ImageDraw.Draw(mask).polygon([(x / 100 * size[0], y / 100 * size[1]) for x, y in polygon], fill=255)
    return mask


def main() -> None:
    """Write images/ and masks/, PNG both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="covid-xray, with COVID/ and NonCOVID/")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    for name in ("images", "masks"):
        (given.out / name).mkdir(parents=True, exist_ok=True)
    for name, lungs in json.loads(OUTLINES.read_text(encoding="utf-8")).items():
        picture = Image.open(next(given.folder.glob(f"*/{name}")))
        file = f"{Path(name).stem}.png"
        picture.save(given.out / "images" / file)
        draw(picture.size, lungs).save(given.out / "masks" / file)


if __name__ == "__main__":
    main()
