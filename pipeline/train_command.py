"""``lungct train lungseg`` and ``lungct train classify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..classify.leaks import LeakRule
from ..classify.roi import Region
from ..sources import SourceError
from ..weights import SEGMENTERS, load_card
from .options import ModalityName, ModalityOption, optional_paths, require_train_extra

train_app = typer.Typer(
    help=r"Train the networks on your own data; needs pip install 'lungct\[train]'.", no_args_is_help=True
)

Out = Annotated[Path, typer.Option(help="Folder of the run; an interrupted run found there is continued.")]
Init = Annotated[
    Path | None,
    typer.Option(help="Run's .weights.h5 or a card to start from; random without.", exists=True, dir_okay=False),
]
Epochs = Annotated[int, typer.Option(min=1, help="Epochs in all.")]
BatchSize = Annotated[int, typer.Option("--batch", min=1, help="Slices a training step.")]
LearningRate = Annotated[float, typer.Option(help="Peak learning rate; a cosine takes it to zero.")]
Dropout = Annotated[float, typer.Option(min=0, max=0.9, help="Share of features dropped.")]
Gamma = Annotated[float, typer.Option(min=0, help="Focal loss's gamma: 0, which is cross-entropy, or at least 1.")]
Alpha = Annotated[float, typer.Option(min=0.01, max=0.99, help="Focal loss's weight of COVID; 0.5: both alike.")]
LeastSensitivity = Annotated[
    float | None,
    typer.Option(min=0.01, max=1, help="Choose the highest threshold this sensitive; Youden's by default."),
]
ValidationShare = Annotated[float, typer.Option(min=0.01, max=0.9, help="Share of patients kept for validation.")]
Seed = Annotated[int, typer.Option(help="The same seed, data and versions give the same split and augmentation.")]
Leaks = Annotated[
    LeakRule,
    typer.Option(help="Patients or near-duplicate pictures in two parts: refuse, drop them from this part, or allow."),
]
Licence = Annotated[str, typer.Option("--weights-licence", help="Licence of the weights, written into the card.")]
Version = Annotated[str, typer.Option("--weights-version", help="Version written into the card.")]


@train_app.command()
def lungseg(
    images: Annotated[list[Path], typer.Option(help="Folder of slices; repeat for more data sets.", exists=True)],
    masks: Annotated[
        list[Path], typer.Option(help="Folder of their masks, same names; one per --images.", exists=True)
    ],
    out: Out,
    patients: Annotated[
        list[str] | None,
        typer.Option(help="CSV with columns file and patient, one per --images, '-' where there is none."),
    ] = None,
    modality: ModalityOption = ModalityName.ct,
    init: Init = None,
    arch: Annotated[
        str, typer.Option(help="bcdunet, unet, or segmentation-models' sm-unet, sm-fpn, sm-linknet.")
    ] = "bcdunet",
    size: Annotated[
        int,
        typer.Option(help="Side of the examples in pixels: a multiple of 8, with stride 2 of 16, for sm-* of 32."),
    ] = 256,
    ship_size: Annotated[
        int | None, typer.Option(help="Side of the written network's input; as trained by default.")
    ] = None,
    filters: Annotated[int, typer.Option(min=2, help="Filters of the first level, for bcdunet and unet.")] = 16,
    dense_blocks: Annotated[
        int, typer.Option(min=1, help="Blocks of the dense bottleneck; the paper has 1 and 3.")
    ] = 3,
    bidirectional: Annotated[
        bool, typer.Option(help="Both ConvLSTM directions as in the paper, or one as in its published code.")
    ] = True,
    stride: Annotated[
        int, typer.Option(min=1, max=2, help="2 halves the picture inside bcdunet: a quarter of the work.")
    ] = 1,
    epochs: Epochs = 20,
    batch_size: BatchSize = 8,
    learning_rate: LearningRate = 1e-3,
    validation_share: ValidationShare = 0.2,
    exclude: Annotated[
        list[str] | None,
        typer.Option(help="Leave out training slices with this in their name (a faulty mask, say); repeat."),
    ] = None,
    seed: Seed = 0,
    weights_version: Version = "own",
    weights_licence: Licence = "not stated",
) -> None:
    """Train the lung segmenter, by default a BCD U-Net, on slices and lung masks.

    Writes checkpoints, history.csv, history.png, and the network with its card: use it with
    LungSegmenter.from_card("OUT/bcdunet-lung.json"), of X-rays bcdunet-lung-xray.json.

    Example: lungct train lungseg --images ct --masks lungs --patients patients.csv --out run
    """
    tables = optional_paths(patients, len(images))
    if len(masks) != len(images) or tables is None:
        raise typer.BadParameter("give --masks, and --patients if at all, once for each --images")
    require_train_extra()
    from ..lungseg.dataset import DataSet
    from ..lungseg.recipe import SegmenterRecipe
    from ..lungseg.training import train_segmenter

    data_sets = [DataSet(*folders) for folders in zip(images, masks, tables, strict=True)]
    try:
        recipe = SegmenterRecipe(
            modality=modality.value,
            architecture=arch,
            size=size,
            filters=filters,
            dense_blocks=dense_blocks,
            bidirectional=bidirectional,
            stride=stride,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            validation_share=validation_share,
            exclude=tuple(exclude or ()),
            seed=seed,
        )
        card = train_segmenter(
            data_sets, out, recipe, init, version=weights_version, licence=weights_licence, ship_size=ship_size
        )
    except (SourceError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"Validation: {card.metrics['validation']}\nThe network and its card are in {out}")


@train_app.command()
def classify(
    data: Annotated[
        list[Path],
        typer.Option(
            help="Folder with COVID/ and NonCOVID/, or train/ and val/ that hold them; or a CSV with columns path, "
            "label, and patient, source, split where known. Repeat for more.",
            exists=True,
        ),
    ],
    out: Out,
    modality: ModalityOption = ModalityName.ct,
    init: Annotated[
        str,
        typer.Option(help="imagenet (Keras downloads it), none, or a file: Lite0's .npz, a run's .weights.h5, a card."),
    ] = "none",
    backbone: Annotated[
        str, typer.Option(help="efficientnetb0, resnet50, vgg16, vgg19, inceptionv3 or xception.")
    ] = "efficientnetb0",
    region: Annotated[
        Region,
        typer.Option(
            help="What the network sees: masked (the lungs alone), crop (their box), whole (the slice); "
            "or, as a control, erased (the box without lungs) or mask (the outline)."
        ),
    ] = "masked",
    images: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of slices with drawn lesions, which teach the network where to look.", exists=True),
    ] = None,
    masks: Annotated[list[Path] | None, typer.Option(help="Folder of their lung masks.", exists=True)] = None,
    infections: Annotated[list[Path] | None, typer.Option(help="Folder of their lesion masks.", exists=True)] = None,
    segmenter: Annotated[
        Path | None, typer.Option(help="Card of the lung segmenter; the modality's own by default.", exists=True)
    ] = None,
    size: Annotated[int, typer.Option(help="Side of the region of interest in pixels, a multiple of 32.")] = 224,
    dropout: Dropout = 0.3,
    epochs: Epochs = 12,
    epoch_size: Annotated[
        int, typer.Option(min=1, help="Pictures an epoch, drawn evenly over sets and classes.")
    ] = 720,
    lesion_slices: Annotated[int, typer.Option(min=0, help="Slices with drawn lesions an epoch, on top.")] = 240,
    lesion_weight: Annotated[float, typer.Option(min=0, help="Weight of the lesions' loss.")] = 1.0,
    batch_size: BatchSize = 16,
    learning_rate: LearningRate = 3e-4,
    gamma: Gamma = 2.0,
    alpha: Alpha = 0.5,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            help="Card of a trained classifier whose answers are learnt as well; repeat for more.", exists=True
        ),
    ] = None,
    teachers_share: Annotated[
        float, typer.Option(min=0, max=1, help="Share of the target that teachers give; the label gives the rest.")
    ] = 0.7,
    sensitivity: LeastSensitivity = None,
    leaks: Leaks = "refuse",
    validation_share: ValidationShare = 0.2,
    exclude: Annotated[
        list[str] | None, typer.Option(help="Leave out training pictures with this in their name; repeat.")
    ] = None,
    seed: Seed = 0,
    weights_version: Version = "own",
    weights_licence: Licence = "not stated",
    caution: Annotated[
        str, typer.Option(help="What everybody who uses the network must know of its data; goes into the card.")
    ] = "",
) -> None:
    """Train the classifier (EfficientNetB0, focal loss) on pictures in class folders.

    The lungs are found by the segmenter first. Writes checkpoints, history.csv, history.png, and the network
    with its card: use it with Classifier.from_card("OUT/efficientnetb0-covid.json"), of X-rays
    efficientnetb0-covid-xray.json.

    Example: lungct train classify --data covid-ct --init effnet_lite0_imagenet_folded_f32.npz --out run
    """
    folders = [images or [], masks or [], infections or []]
    if len({len(given) for given in folders}) > 1:
        raise typer.BadParameter("give --images, --masks and --infections as often as each other")
    require_train_extra()
    from ..classify.recipe import ClassifierRecipe
    from ..classify.training import train_classifier
    from ..lungseg import LungSegmenter
    from ..lungseg.dataset import DataSet

    keywords: dict[str, Literal["imagenet"] | None] = {"none": None, "imagenet": "imagenet"}
    start = keywords[init] if init in keywords else Path(init)
    if isinstance(start, Path) and not start.is_file():
        raise typer.BadParameter(f"{init} does not exist; give imagenet, none, or a file", param_hint="--init")
    first_stage = LungSegmenter(load_card(segmenter or SEGMENTERS[modality.value]))
    try:
        recipe = ClassifierRecipe(
            modality=modality.value,
            backbone=backbone,
            region=region,
            size=size,
            dropout=dropout,
            epochs=epochs,
            epoch_size=epoch_size,
            lesion_slices=lesion_slices,
            lesion_weight=lesion_weight,
            batch_size=batch_size,
            learning_rate=learning_rate,
            gamma=gamma,
            alpha=alpha,
            teachers_share=teachers_share,
            validation_share=validation_share,
            exclude=tuple(exclude or ()),
            seed=seed,
        )
        drawn = [DataSet(image, mask, infections=infection) for image, mask, infection in zip(*folders, strict=True)]
        card = train_classifier(
            data,
            lambda scan: first_stage.segment(scan).mask,
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
    except (SourceError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    typer.echo(f"Validation: {card.metrics['validation']}\nThe network and its card are in {out}")
