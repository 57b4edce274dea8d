"""Draw docs/overlays.jpg, the picture of the README, from the example slices.

Run: python docs/make_overlays.py
"""

from pathlib import Path

from PIL import Image

from lungct.pipeline import Pipeline

ROOT = Path(__file__).parents[1]
COLUMNS, WIDTH = 4, 400


def main() -> None:
    """Judge every example and put the overlays side by side."""
    predictions = Pipeline.from_pretrained().stream(sorted((ROOT / "examples" / "slices").iterdir()))
    tiles = [prediction.overlay() for prediction in predictions]
    tiles = [tile.resize((WIDTH, WIDTH * tile.height // tile.width), Image.Resampling.LANCZOS) for tile in tiles]
    height = max(tile.height for tile in tiles)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, -(-len(tiles) // COLUMNS) * height))
    for index, tile in enumerate(tiles):
        sheet.paste(tile, (index % COLUMNS * WIDTH, index // COLUMNS * height))
    sheet.save(ROOT / "docs" / "overlays.jpg", quality=88)


if __name__ == "__main__":
    main()
