"""Judge one CT slice on a Raspberry Pi, or anything else that runs LiteRT: no lungct and no TensorFlow there.

On another computer:  lungct export --format tflite --out edge
On the Pi (64 bit):   pip install numpy pillow ai-edge-litert
                      python raspberry_pi.py edge scan.png --out mask.png

It does what lungct does with a single picture, less the warnings about doubtful masks and the second try for pictures
with black and white exchanged. Research software, not a medical device.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

THREADS = min(4, os.cpu_count() or 1)
SMALLEST_BOX, WORTH_A_CLOSER_LOOK = 0.3, 0.8  # of the picture's side, of its area: see lungseg/segmenter.py
NEAR_BORDER, SMALLER_LUNG = 0.06, 0.15  # see lungseg/segmenter.py and quality.py
SMALLEST_LUNG, BORDER_SHARE, LARGEST_HOLE = 0.0008, 0.05, 0.002  # see lungseg/cleanup.py


class Network:
    """An exported network and its card."""

    def __init__(self, card_path):
        card = json.loads(card_path.read_text(encoding="utf-8"))
        self.preprocessing, self.decision = card["preprocessing"], card["decision"]
        self._interpreter = Interpreter(str(card_path.parent / card["file"]), num_threads=THREADS)

    def __call__(self, grey):
        """Return the first output for one square picture; there is a signature for each size."""
        outputs = self._interpreter.get_signature_runner(f"size_{len(grey)}")(input=grey[None, ..., None])
        return outputs["output_0"][0]


def read_slice(path):
    """Return a picture's values and whether they are Hounsfield units; grey values are in [0, 1]."""
    with Image.open(path) as picture:
        values = np.asarray(picture if picture.mode.startswith(("I", "F")) else picture.convert("L"))
    if values.dtype == np.uint8:
        return values.astype(np.float32) / 255, False
    values = values.astype(np.float32)
    if values.min() < -200:  # fat is about -100 HU, lung and air lie deeper
        return values, True
    return (values - values.min()) / max(float(np.ptp(values)), 1e-6), False


def window(values, is_hu, preprocessing):
    """Return grey in [0, 1]; pictures had their window applied by somebody else."""
    low, high = preprocessing["window"]
    return np.clip((values - low) / (high - low), 0, 1) if is_hu else values


def stretch(grey, measured, preprocessing):
    """Spread grey values over [0, 1] between two percentiles of `measured`."""
    low, high = np.percentile(measured, preprocessing["percentiles"]).astype(np.float32)
    return np.clip((grey - low) / (high - low), 0, 1) if high > low else np.zeros_like(grey)


def resize(grey, height, width):
    """Resize bilinearly, averaging where it shrinks."""
    if grey.shape == (height, width):
        return grey
    picture = Image.fromarray(np.ascontiguousarray(grey, dtype=np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))


def find_lungs(network, values, is_hu):
    """Look at the whole slice, then closely at where lungs were found; return the mask."""
    size, threshold = network.preprocessing["size"], network.decision["threshold"]
    margin = network.decision.get("second_look_margin")
    coarse = network.decision.get("first_look_size", size) if margin is not None else size
    box, seen = np.s_[0 : values.shape[0], 0 : values.shape[1]], look(network, values, is_hu, coarse)
    if coarse != size and is_doubtful(seen, network.decision):
        seen = look(network, values, is_hu, size)
    if margin is not None:
        closer = box_around(clean(seen > threshold), margin, values.shape)
        if closer is None:
            return np.zeros(values.shape, dtype=bool)
        if len(seen) < size or values[closer].size < WORTH_A_CLOSER_LOOK * values.size:
            box, seen = closer, look(network, values[closer], is_hu, size)
    mask = np.zeros(values.shape, dtype=bool)
    mask[box] = resize(seen, *mask[box].shape) > threshold
    return clean(mask)


def is_doubtful(seen, decision):
    """Tell whether a coarse look may have missed a lung: unsure, near the border, or with one lung alone."""
    inside = seen > decision["threshold"]
    if not inside.any():
        return True
    edge = round(NEAR_BORDER * len(inside))
    expected_dice = 2 * seen[inside].sum() / (seen.sum() + inside.sum())
    near_border = inside[edge:-edge, edge:-edge].sum() < inside.sum()
    return near_border or expected_dice < decision["first_look_doubt"] or smaller_lung(inside) < SMALLER_LUNG


def smaller_lung(mask):
    """Return the share of lung on the smaller side of the deepest valley between two heaps of it."""
    columns = mask.sum(axis=0).astype(float)
    left, right = np.maximum.accumulate(columns), np.maximum.accumulate(columns[::-1])[::-1]
    depth = np.minimum(left, right) - columns
    valley = int(np.argmax(depth))
    if depth[valley] < 0.2 * columns.max():
        return 0.0
    return min(columns[:valley].sum(), columns[valley:].sum()) / columns.sum()


def look(network, values, is_hu, size):
    """Return the probability of lung, (size, size)."""
    grey = resize(window(values, is_hu, network.preprocessing), size, size)
    return network(stretch(grey, grey, network.preprocessing))[..., 0]


def box_around(mask, margin, shape):
    """Return rows and columns, in a picture of another shape, that hold a mask and a margin; None without lung."""
    spans = []
    for axis, length in enumerate(shape):
        found = np.flatnonzero(mask.any(axis=1 - axis)) / mask.shape[axis]
        if not found.size:
            return None
        first, last = found[0], found[-1] + 1 / mask.shape[axis]
        middle, half = (first + last) / 2, max((0.5 + margin) * (last - first), SMALLEST_BOX / 2)
        spans.append(slice(max(0, int((middle - half) * length)), min(length, int((middle + half) * length) + 1)))
    return tuple(spans)


def clean(mask):
    """Drop specks and outside air, fill small holes; slivers of a pixel or two, which lungct drops as well, stay."""
    labels, areas = components(mask)
    keep = areas >= SMALLEST_LUNG * mask.size
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    keep[border] &= areas[border] >= BORDER_SHARE * areas.max()
    inside = keep.copy()
    inside[labels[[0, 0, -1, -1], [0, -1, 0, -1]]] = False
    keep = inside if inside.any() else keep
    keep[0] = False
    mask = keep[labels]
    holes, areas = components(~mask)
    small = areas <= LARGEST_HOLE * mask.size
    small[0] = mask.any()
    return small[holes]


def components(mask):
    """Label what hangs together: labels from 1, and the area of each, none for the background.

    Runs of a row are joined with those they touch in the row above: a few hundred steps, not one for each pixel.
    """
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = (indices.tolist() for indices in np.nonzero(edges == 1))
    stops = np.nonzero(edges == -1)[1].tolist()
    parents = list(range(len(rows)))

    def root(run):
        while parents[run] != run:
            parents[run] = run = parents[parents[run]]
        return run

    above = 0
    for run, row in enumerate(rows):
        while rows[above] < row - 1 or (rows[above] == row - 1 and stops[above] <= starts[run]):
            above += 1
        other = above
        while rows[other] == row - 1 and starts[other] < stops[run]:
            parents[root(run)] = root(other)
            other += 1
    labels = np.zeros(mask.shape, dtype=np.int32)
    for run, row in enumerate(rows):
        labels[row, starts[run] : stops[run]] = root(run) + 1
    areas = np.bincount(labels.ravel(), minlength=len(rows) + 1)
    areas[0] = 0
    return labels, areas


def probability_of_covid(network, values, is_hu, mask):
    """Show the classifier the lungs alone, cropped to their box."""
    settings = network.preprocessing
    if settings.get("region", "masked") != "masked":
        raise SystemExit(f"this example shows a classifier the lungs alone, not the region {settings['region']!r}")
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    pad = round(settings["margin"] * max(np.ptp(rows) + 1, np.ptp(columns) + 1))
    box = np.s_[max(0, rows[0] - pad) : rows[-1] + 1 + pad, max(0, columns[0] - pad) : columns[-1] + 1 + pad]
    inside, grey = mask[box], window(values[box], is_hu, settings)
    shown = stretch(grey, grey[inside], settings) * inside
    logit = network(resize(shown, settings["size"], settings["size"]))[0] / network.decision["temperature"]
    return float(1 / (1 + np.exp(-np.clip(logit, -60, 60))))


def cards_in(folder):
    """Return the paths of the segmenter's card and of the classifier's, which has a temperature."""
    found = {"temperature" in json.loads(path.read_text(encoding="utf-8"))["decision"]: path
             for path in sorted(Path(folder).glob("*.json"))}  # fmt: skip
    if len(found) < 2:
        raise SystemExit(f"{folder} does not hold both networks. Make it with: lungct export --format tflite --out DIR")
    return found[False], found[True]


def main():
    """Print the answer, and write the mask where asked to."""
    parser = argparse.ArgumentParser(description="Judge one CT slice with LiteRT.")
    parser.add_argument("folder", help="as lungct export --format tflite writes it")
    parser.add_argument("picture", help="PNG, JPEG or TIFF of one axial slice")
    parser.add_argument("--out", help="file for the lung mask, PNG")
    arguments = parser.parse_args()
    segmenter_card, classifier_card = cards_in(arguments.folder)
    values, is_hu = read_slice(arguments.picture)

    start = time.perf_counter()
    mask = find_lungs(Network(segmenter_card), values, is_hu)  # let go before the next is opened: less memory
    middle = time.perf_counter()
    if mask.any():
        classifier = Network(classifier_card)
        probability = probability_of_covid(classifier, values, is_hu, mask)
        label = "COVID" if probability >= classifier.decision["threshold"] else "non-COVID"
        print(f"{label}, probability {probability:.4f}")
    else:
        print("indeterminate, no lung found")
    print(f"segmenter {middle - start:.2f} s, classifier {time.perf_counter() - middle:.2f} s")
    print("Research software, not a medical device.")
    if arguments.out:
        Image.fromarray(mask.astype(np.uint8) * 255).save(arguments.out)


if __name__ == "__main__":
    main()
