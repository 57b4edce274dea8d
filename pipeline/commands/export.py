"""``lungct export``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ...classify import RoiPreprocessing
from ...common.optional import require
from ...lungseg import LungSegmenter, SlicePreprocessing, find_lungs
from ...lungseg.segmenter import box_around
from ...sources import Intensity, SourceError, read_scan
from ...weights import CLASSIFIER, CLASSIFIERS, SEGMENTER, SEGMENTERS, Card, WeightsError, load_card
from ...weights.converters import ExportFormat, ExportPrecision
from ..batch.inputs import list_inputs
from .options import errors, plain_failures, require_train_extra

if TYPE_CHECKING:
    import keras

    from ...weights.export import Export

MOST_SLICES = 200
"""Number of slices with lung to use from the calibration folder, the first ones."""

Slice = tuple[NDArray[np.float32], Intensity, NDArray[np.bool_]]
"""Pixels, their intensity, and the lung mask."""


def export(
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            help="tflite: LiteRT, for phones and small boards. onnx. openvino: .xml and .bin. keras: to continue "
            "training or convert further.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the networks and their cards; existing cards there are replaced.")
    ],
    network: Annotated[
        str,
        typer.Argument(
            help="segmenter, classifier or both (CT), bcdunet-lung-xray, efficientnetb0-covid-xray, or a card (.json)."
        ),
    ] = "both",
    precision: Annotated[
        ExportPrecision,
        typer.Option(
            help="f32: as trained. f16: weights in half precision, half the size; not for keras. int8: a quarter of "
            "the size; only for tflite, and needs --calibration."
        ),
    ] = "f32",
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="Folder of typical slices with lungs. int8 is calibrated on half of them, the check uses the rest; "
            "without int8, the check uses all.",
            exists=True,
        ),
    ] = None,
) -> None:
    r"""Write the networks for other programs and small devices, and check that the files agree with Keras.

    Each network gets a card, NAME.json, with the preprocessing, the threshold and the result of the check. f32 files
    that differ by more than 1e-4, and f16 files by more than 5e-2, are refused; for int8 the table shows the loss: the
    Dice with Keras' masks, and the largest difference in probability.
    A keras segmenter has a custom layer: load it with
    keras.models.load_model(FILE, custom_objects={"TwoStepConvLSTM": lungct.lungseg.convlstm.TwoStepConvLSTM}).
    Needs the extra \[train], and \[edge] for tflite. Exit code 0 on success, 1 when a file does not agree, 2 for wrong
    usage.

    Example: lungct export --format tflite --out edge && python examples/raspberry_pi.py edge scan.png
    """
    cards = _cards(network)
    require_train_extra()
    if form == "tflite":
        require("ai_edge_litert", purpose="The check of a tflite file", extra="edge")
    from ...weights.export import require_supported

    try:
        require_supported(form, precision)
        with plain_failures():
            slices = _slices(calibration, cards) if calibration else []
            done = [_export(card, out, form, precision, slices) for card in cards]
    except (SourceError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    _print_table(done)
    typer.echo(f"Networks and cards are in {out}")


def _cards(network: str) -> list[Card]:
    names = {"segmenter": [SEGMENTER], "classifier": [CLASSIFIER], "both": [SEGMENTER, CLASSIFIER]}
    if network not in (*names, *SEGMENTERS.values(), *CLASSIFIERS.values()) and not network.endswith(".json"):
        raise typer.BadParameter(f"{network} is not segmenter, classifier, both, a shipped network, or a card (.json)")
    try:
        return [load_card(name) for name in names.get(network, [network])]
    except WeightsError as error:
        raise typer.BadParameter(str(error)) from error


def _is_segmenter(card: Card) -> bool:
    return "temperature" not in card.decision


def _slices(folder: Path, cards: list[Card]) -> list[Slice]:
    """Return slices with lung, using the segmenter to export, or else the shipped one."""
    shipped = load_card(SEGMENTERS[cards[0].modality])
    segmenter = LungSegmenter(next(filter(_is_segmenter, cards), shipped))
    found = list(islice(_with_lung(folder, segmenter), MOST_SLICES))
    if not found:
        raise ValueError(f"no lungs were found in any slice of {folder}; give a folder of axial chest CT slices")
    return found


def _with_lung(folder: Path, segmenter: LungSegmenter) -> Iterator[Slice]:
    for source in list_inputs([folder], modality=segmenter.card.modality):
        scan, lungs = find_lungs(segmenter, read_scan(source))
        for pixels, mask in zip(scan.pixels, lungs.mask, strict=True):
            if mask.any():
                yield pixels, scan.intensity, mask


def _export(card: Card, out: Path, form: ExportFormat, precision: ExportPrecision, slices: list[Slice]) -> Export:
    from ...weights.export import export_network
    from ...weights.fitting import prepare_environment

    prepare_environment()
    int8 = precision == "int8"
    if int8 and len(slices) == 1:
        raise ValueError("int8 needs at least two slices with lung, one to calibrate and one to check; give more")
    calibration, pictures = (slices[::2], slices[1::2]) if int8 else ([], slices)
    with errors.status(f"Exporting {card.name}"):
        return export_network(
            card,
            partial(_build, card),
            out,
            form,
            precision,
            [picture for one in pictures for picture in _seen(card, one)],
            [picture for one in calibration for picture in _seen(card, one)],
            own_layout=not str(card.architecture.get("name", "")).startswith("sm-"),
        )


def _build(card: Card, size: int | None) -> keras.Model:
    if _is_segmenter(card):
        from ...lungseg.architectures import build_network

        return build_network(**{**card.architecture, "size": size})
    from ...classify.network import build_classifier

    return build_classifier(**{**card.architecture, "size": size})


def _seen(card: Card, one: Slice) -> list[NDArray[np.float32]]:
    """Return a network's inputs for a slice, each float32 (1, size, size, 1).

    A segmenter gets the whole slice, coarse and fine, and the lungs' box.
    """
    pixels, intensity, mask = one
    if not _is_segmenter(card):
        return [RoiPreprocessing.from_dict(card.preprocessing)(pixels, intensity, mask)[0][None, ..., None]]
    close = SlicePreprocessing.from_dict(card.preprocessing)
    coarse = replace(close, size=int(card.decision.get("first_look_size", close.size)))
    looks = [first(pixels, intensity) for first in dict.fromkeys((coarse, close))]
    margin = card.decision.get("second_look_margin")
    box = None if margin is None else box_around([mask], float(margin), mask.shape)
    if box:
        looks.append(close(pixels[box], intensity))
    return [look[None, ..., None] for look in looks]


def _print_table(done: list[Export]) -> None:
    table = Table(
        caption="Compared with Keras on the same inputs: largest difference of outputs, Dice of masks, and largest "
        "difference of probabilities"
    )
    table.add_column("file", overflow="fold")
    for title in ("MB", "inputs", "difference", "Dice", "probability"):
        table.add_column(title, justify="right")
    for one in done:
        same = one.agreement
        figures = (same.dice, same.probability)
        table.add_row(
            one.card.file,
            f"{one.bytes / 1e6:.1f}",
            str(same.inputs),
            f"{same.difference:.1e}",
            *("" if value is None else f"{value:.4f}" for value in figures),
        )
    Console().print(table, markup=False)
