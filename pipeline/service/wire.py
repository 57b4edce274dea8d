"""Pack a prediction as a ZIP archive of JSON and arrays, to send it from the service to a client.

NumPy's ``.npz`` format is such an archive, so `numpy.load` can read it too.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...classify import Classification, Evidence
from ...sources.errors import DECODER_ERRORS
from ..prediction import Prediction

RECORD = "prediction.json"


def pack(prediction: Prediction) -> bytes:
    """Pack a prediction as an archive.

    It contains ``prediction.json``, from `Prediction.to_dict`; ``lung_mask.npy``, bool, in slice order; ``lung.npy``
    and ``distances.npy`` (slices,); ``ood_score.npy``; and the evidence of the slices with lung: ``judged.npy`` (n,),
    their indices, ``grids.npy`` (n, rows, columns), and ``boxes.npy`` (n, 4), first and last row and column.

    If the network has a map of infection, there is ``lesion_threshold.npy`` as well. The map is the evidence, or if
    that was computed in another way, ``lesion_judged.npy``, ``lesion_grids.npy`` and ``lesion_boxes.npy``. Grids are
    float32, so that the infected pixels and the infected share are exactly the same for the client.

    Raises
    ------
    ValueError
        For a prediction without pictures.
    """
    result = prediction.classification
    if result is None or prediction.lung_mask is None:
        raise ValueError(f"{prediction.source}: no pictures, because it could not be read ({prediction.error})")
    arrays = {
        "lung_mask": prediction.lung_mask,
        "lung": result.lung,
        "distances": result.distances,
        "ood_score": np.array(np.nan if prediction.ood_score is None else prediction.ood_score),  # JSON has no infinity
        **_arrays_of(result.evidence),
        **_lesion_arrays(result),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr(RECORD, json.dumps(prediction.to_dict()))
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.save(file, values, allow_pickle=False)
    return packed.getvalue()


def unpack(content: bytes, source: str) -> Prediction:
    """Return the prediction in an archive, without `Prediction.scan`.

    Parameters
    ----------
    content : bytes
        An archive from `pack`.
    source : str
        Name of the predicted source.

    Raises
    ------
    ValueError
        When it is not such an archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            record: dict[str, Any] = json.loads(archive.read(RECORD))
            names = [name for name in archive.namelist() if name.endswith(".npy")]
            arrays = {name.removesuffix(".npy"): _array(archive.read(name)) for name in names}
        return _prediction(record, arrays, source)
    except DECODER_ERRORS as error:
        raise ValueError(f"not an answer of a lungct service ({error})") from error


def _lesion_arrays(result: Classification) -> dict[str, NDArray[Any]]:
    """Return the arrays of the map of infection; its grids only if they are not those of the evidence."""
    if not result.lesions:
        return {}
    grids = {} if result.explain == "lesions" else _arrays_of(result.lesions, "lesion_")
    return {"lesion_threshold": np.array(result.lesion_threshold), **grids}


def _arrays_of(each: Sequence[Evidence | None], prefix: str = "") -> dict[str, NDArray[Any]]:
    found = [(index, evidence) for index, evidence in enumerate(each) if evidence is not None]
    return {
        f"{prefix}judged": np.array([index for index, _ in found], dtype=np.int64),
        f"{prefix}grids": np.array([evidence.grid for _, evidence in found], dtype=np.float32),
        f"{prefix}boxes": np.array([_corners(evidence) for _, evidence in found], dtype=np.int64).reshape(-1, 4),
    }


def _corners(evidence: Evidence) -> tuple[int, int, int, int]:
    rows, columns = evidence.box
    return rows.start, rows.stop, columns.start, columns.stop


def _array(content: bytes) -> NDArray[Any]:
    return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))


def _prediction(record: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], source: str) -> Prediction:
    shown = [np.nan if value is None else value for value in record["slice_probabilities"]]
    probabilities = np.array(shown, dtype=np.float32)
    said = {one.name: _frozen(record[one.name]) for one in fields(Prediction) if one.name in record}
    evidence = _evidence(arrays, probabilities.size)
    result = Classification(
        probability=record["probability"],
        slice_probabilities=probabilities,
        evidence=evidence,
        explain=record["explain"],
        **_lesions(arrays, evidence, record["explain"]),
        lung=arrays["lung"],
        distances=arrays["distances"],
        interval=said["interval"],
    )
    found = {
        "source": source,
        "slice_probabilities": probabilities,
        "lung_mask": arrays["lung_mask"],
        "ood_score": None if np.isnan(arrays["ood_score"]) else float(arrays["ood_score"]),
        "classification": result,
    }
    return Prediction(**{**said, **found})


def _frozen(value: Any) -> Any:
    """Convert JSON lists back to tuples."""
    return tuple(value) if isinstance(value, list) else value


def _lesions(arrays: Mapping[str, NDArray[Any]], evidence: tuple[Evidence | None, ...], explain: str) -> dict[str, Any]:
    """Return the map of infection and its threshold, for `Classification`; nothing if the network has no map."""
    if "lesion_threshold" not in arrays:
        return {}
    own = evidence if explain == "lesions" else _evidence(arrays, len(evidence), "lesion_")
    return {"lesions": own, "lesion_threshold": float(arrays["lesion_threshold"])}


def _evidence(arrays: Mapping[str, NDArray[Any]], slices: int, prefix: str = "") -> tuple[Evidence | None, ...]:
    found: list[Evidence | None] = [None] * slices
    kept = (arrays[prefix + name] for name in ("judged", "grids", "boxes"))
    for index, grid, (top, bottom, left, right) in zip(*kept, strict=True):
        found[index] = Evidence(grid, (slice(int(top), int(bottom)), slice(int(left), int(right))))
    return tuple(found)
