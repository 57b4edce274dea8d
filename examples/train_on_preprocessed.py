"""Train any model on what `lungct preprocess` wrote: a data set for PyTorch and one for TensorFlow.

Run: lungct preprocess scans.csv --out slices --group-by patient --split 0.8,0.1,0.1
     python examples/train_on_preprocessed.py slices --label diagnosis [--tensorflow]
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet

from lungct.pipeline.preprocess import read_slice


def rows_of(folder, part, label):
    """Return the manifest's rows with a slice and a label, of one part of the split; of all where it was not split."""
    rows = pyarrow.parquet.read_table(Path(folder) / "manifest.parquet").to_pylist()
    return [row for row in rows if row["file"] and row[label] is not None and row.get("split", part) == part]


class SliceDataset:
    """What `torch.utils.data.DataLoader` takes: float32 (1, height, width) in [0, 1], and the class as a number."""

    def __init__(self, folder, part, label, classes):
        self.folder, self.label, self.classes = Path(folder), label, classes
        self.rows = rows_of(folder, part, label)

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        row = self.rows[index]  # an IndexError ends a loop over it
        return read_slice(self.folder / row["file"])[None], self.classes.index(row[self.label])


def tensorflow_dataset(folder, part, label, classes, batch=16):
    """Return a `tf.data.Dataset` of batches: float32 (n, height, width, 1), and int64 (n,)."""
    import tensorflow as tf

    rows = rows_of(folder, part, label)
    paths = [str(Path(folder) / row["file"]) for row in rows]
    numbers = np.array([classes.index(row[label]) for row in rows], dtype=np.int64)
    side = read_slice(paths[0]).shape  # all the same, unless cut with --size 0

    def load(path, number):
        pixels = tf.numpy_function(lambda name: read_slice(name.decode())[..., None], [path], tf.float32)
        return tf.ensure_shape(pixels, (*side, 1)), number

    data = tf.data.Dataset.from_tensor_slices((paths, numbers)).shuffle(len(paths), seed=0)
    return data.map(load, num_parallel_calls=tf.data.AUTOTUNE).batch(batch).prefetch(tf.data.AUTOTUNE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="what lungct preprocess wrote")
    parser.add_argument("--label", required=True, help="column of the classes in the table that named the scans")
    parser.add_argument("--tensorflow", action="store_true", help="show the tf.data.Dataset too")
    given = parser.parse_args()

    table = pyarrow.parquet.read_table(Path(given.folder) / "manifest.parquet")
    classes = sorted({name for name in table[given.label].to_pylist() if name is not None})
    for part in ("train", "val", "test"):
        data = SliceDataset(given.folder, part, given.label, classes)
        counts = np.bincount([label for _, label in data], minlength=len(classes))
        print(part, len(data), "slices:", ", ".join(map("{} {}".format, classes, counts)))
        if given.tensorflow and len(data):
            pixels, labels = next(iter(tensorflow_dataset(given.folder, part, given.label, classes)))
            print("  tf.data:", pixels.shape, labels.numpy())
