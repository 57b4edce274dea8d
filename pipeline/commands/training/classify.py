"""``lungct train classify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ....classify.roi import Region
from ....classify.training.recipe import ClassifierRecipe
from ....weights import SEGMENTERS, Card, load_card
from ..options import require_train_extra
from ..settings_options import takes
from .options import (
    RECIPE_OPTIONS,
    Leaks,
    LeastSensitivity,
    Licence,
    Out,
    Segmenter,
    Version,
    trained,
)

OPTIONS = {
    "backbone": Annotated[str, typer.Option(help="efficientnetb0, resnet50, vgg16, vgg19, inceptionv3 or xception.")],
    "region": Annotated[
        Region,
        typer.Option(
            help="What the network is shown: masked (the lungs alone), crop (their box), whole (the slice); "
            "or, as a control, erased (the box without lungs) or mask (the lung mask)."
        ),
    ],
    "size": Annotated[int, typer.Option(help="Side of the region of interest in pixels, a multiple of 32.")],
    "epoch_size": Annotated[
        int,
        typer.Option(
            min=1, help="Pictures per epoch, drawn from data sets and classes by the square root of their sizes."
        ),
    ],
    "lesion_slices": Annotated[int, typer.Option(min=0, help="Additional slices with lesion masks per epoch.")],
    "lesion_weight": Annotated[float, typer.Option(min=0, help="Weight of the lesion loss.")],
    "lesion_label": Annotated[
        Literal["COVID", "NonCOVID", "unknown"],
        typer.Option(help="Disease of the patients with lesion masks, if all have the same."),
    ],
    "pasted": Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of pictures known to be free of infection that get lesions pasted in."),
    ],
    "frozen": Annotated[
        bool,
        typer.Option(help="With lesion masks: keep the backbone's lower layers as they are initialised."),
    ],
    "teachers_share": Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of the target that comes from teachers; the rest comes from the label."),
    ],
    **RECIPE_OPTIONS,
}

Folders = list[Path] | None


@takes(ClassifierRecipe(), OPTIONS, "recipe")
def classify(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Folder with COVID/ and NonCOVID/, or with train/ and val/ that contain them; or a CSV with columns "
            "path, label, and optionally patient, source, split, infected (1 or 0: whether the lungs show any). "
            "May be repeated.",
            exists=True,
        ),
    ],
    out: Out,
    init: Annotated[
        str,
        typer.Option(
            help="Initial weights: imagenet (downloaded by Keras), none, an .npz of Lite0 or of torchvision's B0, "
            "a run's .weights.h5, or a card."
        ),
    ] = "none",
    images: Annotated[
        Folders,
        typer.Option(
            help="Folder of slices with lesion masks, which give the network a map of infection.", exists=True
        ),
    ] = None,
    masks: Annotated[Folders, typer.Option(help="Folder of their lung masks.", exists=True)] = None,
    infections: Annotated[Folders, typer.Option(help="Folder of their lesion masks.", exists=True)] = None,
    patients: Annotated[
        Folders,
        typer.Option(help="CSV with columns file and patient for each --images, so that patients stay together."),
    ] = None,
    segmenter: Segmenter = None,
    teacher: Annotated[
        Folders,
        typer.Option(help="Card of a trained classifier whose answers are learned too. May be repeated.", exists=True),
    ] = None,
    sensitivity: LeastSensitivity = None,
    leaks: Leaks = "refuse",
    weights_version: Version = "own",
    weights_licence: Licence = "not stated",
    caution: Annotated[
        str, typer.Option(help="What every user must know about the training data; stored in the card.")
    ] = "",
    *,
    recipe: ClassifierRecipe,
) -> None:
    """Train the classifier (EfficientNetB0, focal loss) on pictures in class folders.

    The segmenter finds the lungs first. Writes checkpoints, history.csv, history.png, and the network with its card:
    use it with Classifier.from_card("OUT/efficientnetb0-covid.json"), or for X-rays efficientnetb0-covid-xray.json.

    Example: lungct train classify --data covid-ct --init effnet_lite0_imagenet_folded_f32.npz --out run
    """
    folders = [images or [], masks or [], infections or []]
    if len({len(given) for given in folders}) > 1:
        raise typer.BadParameter("give --images, --masks and --infections equally often")
    if patients and len(patients) != len(folders[0]):
        raise typer.BadParameter("give --patients for each --images, or leave it out")
    require_train_extra()
    from ....classify.training.train import train_classifier
    from ....lungseg import LungSegmenter
    from ....lungseg.data.dataset import DataSet
    from ....lungseg.finder import lung_finder

    start = _start(init)
    first_stage = LungSegmenter(load_card(segmenter or SEGMENTERS[recipe.modality]))

    def train() -> Card:
        tables = patients or len(folders[0]) * [None]
        drawn = [
            DataSet(image, mask, table, infection)
            for image, mask, infection, table in zip(*folders, tables, strict=True)
        ]
        return train_classifier(
            data,
            lung_finder(first_stage),
            out,
            recipe,
            start,
            version=weights_version,
            licence=weights_licence,
            lesions=[scan for data_set in drawn for scan in data_set.scans()],
            teachers=[load_card(path) for path in teacher or []],
            segmenter=first_stage.card.sha256,
            sensitivity=sensitivity,
            leaks=leaks,
            caution=caution,
        )

    trained(train, out)


def _start(init: str) -> Literal["imagenet"] | Path | None:
    keywords: dict[str, Literal["imagenet"] | None] = {"none": None, "imagenet": "imagenet"}
    if init in keywords:
        return keywords[init]
    if not Path(init).is_file():
        raise typer.BadParameter(f"{init} does not exist; give imagenet, none, or a file", param_hint="--init")
    return Path(init)
