"""Make pictures other than chest CT, and collect them from installed packages, to measure refusal.

Run: python -m benchmarks.trust.wrong_inputs OUT [--packages DIR] [--xrays DIR] [--ct DIR ...] [--every N]

Writes OUT/KIND/*.png, some as .npy in HU, and OUT/sources.csv: file, kind, source, licence, half. A source is what
pictures may share: a photograph, a patient, a recipe of noise. The sources of each kind are split into halves: a for
choosing a method, b for reporting. --xrays is a folder of X-rays, --ct are folders named as in CT_FOLDERS below.

--every N keeps every Nth picture.

Nothing is downloaded. A package is used if pip or Debian installed it, or if it is unpacked as DIR/PACKAGE. Missing
packages are printed, with the command that gets them:

    apt          apt-get download PACKAGE && dpkg -x PACKAGE_*.deb DIR/PACKAGE
    pip          pip install PACKAGE
    pip sdist    pip download --no-deps --no-binary :all: PACKAGE && tar xf PACKAGE-*.tar.gz -C DIR/PACKAGE
    npm          npm pack PACKAGE && tar xf PACKAGE-*.tgz -C DIR/PACKAGE
"""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice, product
from pathlib import Path

import numpy as np
import pydicom
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from lungct.common.text import write_csv

from .shipped_pictures import Wrong, shipped_pictures
from .slice_views import axial_slices, ct_views, hounsfield

OWN = "made here, Apache-2.0"

SIZES = ((128, 128), (256, 256), (512, 512), (300, 420))

XRAYS_IN_A_ROW = 14
"""Neighbouring X-rays are often from one patient: this many in a row count as one source."""

CT_FOLDERS = {
    "lctsc-nifti": ("LCTSC-Test-S1-101.nii.gz", "CC BY 3.0, doi 10.7937/K9/TCIA.2017.3R3FVZ08"),
    "covid19-ny-sbu-dicom": ("A027284/*.dcm A062055/*.dcm", "CC BY 4.0, doi 10.7937/TCIA.BBAG-2923"),
}
"""Scans with some slices below the lungs, checked one by one, and their licences."""

Rng = np.random.Generator


def grey(values: NDArray) -> NDArray[np.uint8]:
    """Spread values over 0 to 255."""
    low, high = float(values.min()), float(values.max())
    return ((values - low) / max(high - low, 1e-9) * 255).round().astype(np.uint8)


def noises(rng: Rng, shape: tuple[int, int]) -> Iterator[tuple[str, NDArray]]:
    """Yield one picture of each kind of noise."""
    normal = rng.normal(size=shape)
    for sigma in (10, 40, 80):
        yield f"gaussian-{sigma}", np.clip(128 + sigma * normal, 0, 255).astype(np.uint8)
    yield "uniform", rng.integers(0, 256, shape, dtype=np.uint8)
    yield "colour", rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    for share in (0.05, 0.5):
        yield (
            f"salt-and-pepper-{share}",
            np.where(rng.random(shape) < share, rng.choice((0, 255), shape), 128).astype("u1"),
        )
    for sigma in (2, 8, 24):
        yield f"smoothed-{sigma}", grey(ndimage.gaussian_filter(normal, sigma))
    octaves = [ndimage.gaussian_filter(rng.normal(size=shape), 2**octave) * 4**octave for octave in range(6)]
    yield "octaves", grey(np.sum(octaves, axis=0))
    yield "blobs", ((ndimage.gaussian_filter(normal, 12) > 0) * 255).astype(np.uint8)
    yield "lines", grey(np.broadcast_to(rng.normal(size=(shape[0], 1)), shape) + 0.2 * normal)
    yield "speckle", grey(rng.gamma(1.0, 1.0, shape))
    yield "hu", (60 * normal).round().astype(np.int16)
    yield "hu-wide", (600 * normal - 400).round().astype(np.int16)


def blanks(shape: tuple[int, int]) -> Iterator[tuple[str, NDArray]]:
    """Yield pictures with nothing in them."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] / (np.array(shape).reshape(2, 1, 1) - 1)
    distance = np.hypot(rows - 0.5, columns - 0.5)
    for name, value in {"black": 0, "white": 255, "grey": 128, "dark": 30}.items():
        yield name, np.full(shape, value, np.uint8)
    yield "colour", np.broadcast_to(np.array([40, 90, 200], np.uint8), (*shape, 3))
    yield "gradient-down", grey(rows)
    yield "gradient-across", grey(columns)
    yield "gradient-round", grey(-distance)
    yield "disc", ((distance < 0.4) * 200).astype(np.uint8)
    yield "frame", ((np.maximum(abs(rows - 0.5), abs(columns - 0.5)) > 0.45) * 255).astype(np.uint8)
    yield "halves", ((columns > 0.5) * 255).astype(np.uint8)
    yield "one-level", (128 + (np.indices(shape).sum(axis=0) % 2)).astype(np.uint8)
    yield "air", np.full(shape, -1000, np.int16)
    yield "water", np.where(distance < 0.4, 0, -1000).astype(np.int16)


def made_pictures(seed: int = 0) -> Iterator[Wrong]:
    """Yield noise, blank pictures and text pages."""
    rng = np.random.default_rng(seed)
    for shape in SIZES:
        size = "x".join(map(str, shape))
        for kind, made in (("noise", noises(rng, shape)), ("blank", blanks(shape))):
            for name, pixels in made:
                yield Wrong(kind, f"{name}-{size}", f"recipe {name}", OWN, pixels)
    for index, (font, (words, ink, paper)) in enumerate(product(FONTS, TEXTS)):
        page = text_page(words, font, 12 + 5 * (index % 4), ink, paper, SIZES[1 + index % 3], tilt=(0, 0, 3)[index % 3])
        yield Wrong("text", f"page-{index:02}", f"page in {font} of {words[:12]!r}", OWN, page)


FONTS = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono-Bold", "STIXGeneralItalic", "cmr10", "DejaVuSans-Bold")
"""Shipped with matplotlib."""

LETTER = (
    "Dear colleague, thank you for the referral. The patient was seen on Monday and feels well. We suggest a visit "
)
REPORT = "CHEST CT. Technique: axial slices of 5 mm. Findings: no effusion, no pneumothorax. Impression: see above. "
NUMBERS = "2026-11-22  0.953  0.871  118  56 | 17.4 mm  -600 HU  1500 HU | 4,096  12 %  3.14159  1:250 "
FEW = "Patient list "
TEXTS = (
    (LETTER * 12, 0, 255),
    (REPORT * 12, 255, 0),
    (NUMBERS * 14, 40, 225),
    (FEW, 0, 255),
    ("\n".join(f"{number:3}  {LETTER[number : number + 18]}" for number in range(40)), 20, 200),
    (REPORT, 230, 25),
)
"""Words, ink and paper."""


def text_page(words: str, font: str, size: int, ink: int, paper: int, shape: tuple[int, int], tilt: float) -> NDArray:
    """Render words as a page, broken into lines; tilted as from a scanner."""
    import matplotlib

    letters = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", f"{font}.ttf"), size)
    page = Image.new("L", shape[::-1], paper)
    width = max(4, round((shape[1] - 40) / (0.55 * size)))
    lines = [line[at : at + width] for line in words.splitlines() for at in range(0, len(line), width)]
    ImageDraw.Draw(page).multiline_text((20, 20), "\n".join(lines), ink, letters)
    return np.asarray(page.rotate(tilt, fillcolor=paper))


def xrays(folder: Path) -> Iterator[Wrong]:
    """Yield the X-rays of a folder, in class folders or not."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    for own in sorted({path.parent for path in paths}):
        for index, path in enumerate(path for path in paths if path.parent == own):
            source = f"{folder.name}/{own.name} {index // XRAYS_IN_A_ROW}"
            with Image.open(path) as picture:
                yield Wrong(
                    "x-ray",
                    f"{own.name}-{path.stem}",
                    source,
                    f"that of {folder.name}",
                    np.asarray(picture.convert("L")),
                )


def below_the_lungs(folder: Path) -> Iterator[Wrong]:
    """Yield the abdominal slices of the scans in `CT_FOLDERS`."""
    names, licence = CT_FOLDERS[folder.name]
    for path in sorted(chain.from_iterable(folder.glob(name) for name in names.split())):
        if path.suffix == ".dcm":
            source, slices = path.parent.name, iter([hounsfield(pydicom.dcmread(path))])
        else:
            source, slices = path.name, axial_slices(path, 0.0, 0.05, 2)
        for part, pixels in ct_views(slices, "abdomen"):
            yield Wrong("abdomen", f"{source.split('.')[0]}-{path.stem.split('.')[0]}{part}", source, licence, pixels)


def halves(pictures: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Assign the sources of each kind to halves a and b, largest first, each to the half with fewer pictures.

    Parameters
    ----------
    pictures : sequence of (kind, source)
        One for each picture.
    """
    held: Counter[tuple[str, str]] = Counter()
    dealt = {}
    for (kind, source), count in sorted(Counter(pictures).items(), key=lambda item: (-item[1], item[0])):
        half = min("ab", key=lambda name: held[kind, name])
        held[kind, half] += count
        dealt[kind, source] = half
    return dealt


def write_picture(folder: Path, item: Wrong) -> Path:
    """Write a picture as PNG, or HU as NPY; return its path."""
    (folder / item.kind).mkdir(parents=True, exist_ok=True)
    stem = folder / item.kind / item.name
    if item.pixels.dtype == np.int16:
        np.save(stem.with_name(f"{item.name}.npy"), item.pixels)
        return stem.with_name(f"{item.name}.npy")
    path = stem.with_name(f"{item.name}.png")
    Image.fromarray(item.pixels).save(path)
    return path


def write_all(folder: Path, pictures: Iterator[Wrong]) -> list[dict[str, str]]:
    """Write pictures and their list; return its rows."""
    rows = [
        {
            "file": str(write_picture(folder, item).relative_to(folder)),
            "kind": item.kind,
            "source": item.source,
            "licence": item.licence,
        }
        for item in pictures
    ]
    dealt = halves([(row["kind"], row["source"]) for row in rows])
    rows = [{**row, "half": dealt[row["kind"], row["source"]]} for row in rows]
    write_csv(folder / "sources.csv", list(rows[0]), rows)
    return rows


def main() -> None:
    """Write the pictures; print their number and that of the sources."""
    parser = ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--packages", type=Path)
    parser.add_argument("--xrays", type=Path)
    parser.add_argument("--ct", type=Path, nargs="*", default=[])
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    given = [xrays(args.xrays)] if args.xrays else []
    scans = [below_the_lungs(folder) for folder in args.ct]
    pictures = chain(made_pictures(), shipped_pictures(args.packages), *given, *scans)
    rows = write_all(args.out, islice(pictures, 0, None, args.every))
    for kind in sorted({row["kind"] for row in rows}):
        for half in "ab":
            own = [row["source"] for row in rows if (row["kind"], row["half"]) == (kind, half)]
            print(f"{kind}, half {half}: {len(own)} of {len(set(own))} sources")


if __name__ == "__main__":
    main()
