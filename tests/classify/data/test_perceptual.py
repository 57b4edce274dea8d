"""Perceptual hashes equal those of imagehash."""

import numpy as np
import pytest

from lungct.classify.data.perceptual import perceptual_hash
from lungct.sources import read_scan

from ...conftest import SLICES

IMAGEHASH = {
    "covid19-ny-sbu-A002304.png": "9041947647be69897bea1eb63c056949e05aa5c7918fd23d0d3bc2ea94e44fb5",
    "covid19-ny-sbu-A048383.png": "9404342813fb99d73faf6f296c5464d6e503a3639cef8d9d19f890a63c959291",
    "covid19-ny-sbu-A056642.png": "914563eb46baacb03bed9145ac1092bac54f6ee538ba63102de3bd4b3c3c9caa",
    "covid19-ny-sbu-A062055-abdomen.png": "855e3eb07aa1e1476bfe87ba9e011a97185e60586deaa5a17c059e92787e4e4c",
    "lctsc-S1-101-hu.tif": "91fb2f416a16d83fad6987c0d2b53c4f48da61a98f219257309f3f4868e4ed0b",
    "lung-pet-ct-dx-A0002-11.png": "dc7342a503ccab533d1ad429e0e102f793d67dd8cf1826213ce774bf329692d8",
    "lung-pet-ct-dx-A0002-17.png": "dd0c403802e72ddd3f52146af02c669d90e769d2c71af756196ac729392536bf",
}
"""The hash that imagehash 4.3 gives: ``phash(picture, hash_size=16)``, packed."""


@pytest.mark.parametrize("name", list(IMAGEHASH))
def test_hash_equals_that_of_imagehash(name):
    scan = read_scan(SLICES / name)
    expected = np.frombuffer(bytes.fromhex(IMAGEHASH[name]), np.uint8)
    found = perceptual_hash(scan.pixels[0], scan.intensity)
    assert np.bitwise_count(found ^ expected).sum() <= 1  # next to the median, affected by rounding
