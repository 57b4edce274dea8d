"""Pixels after text headers: never more in memory than promised, nor than exist."""

import bz2
import gzip
import io
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lungct.sources.errors import DECODER_ERRORS
from lungct.sources.raw.pixels import UNPACK, Pixels, read_pixels

from .raw_files import measured, mha, nrrd, numbers, written

PACK = {
    "zlib": zlib.compress,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "hex": lambda content: content.hex(" ").encode(),
}
PIECE = 16 * 2**20


def bomb(megabytes):
    """Return a zlib stream that unpacks to this many MB of zeros and is a thousandth as long."""
    packer = zlib.compressobj(9, wbits=-15)
    piece = packer.compress(bytes(PIECE)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x78\xda" + piece * (megabytes * 2**20 // PIECE) + b"\x03\x00" + b"\0\0\0\0"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return written(tmp_path_factory.mktemp("small") / "small.mha", mha(np.zeros((2, 64, 64), np.int16)))


def test_bombs_are_unpacked_no_further_than_the_header_promises(tmp_path, small):
    volume, packed, bzipped = np.zeros((2, 64, 64), np.int16), bomb(2048), bz2.compress(bytes(100 * 2**20))
    assert (len(packed) < 2.2e6, len(bzipped) < 1000) == (True, True)
    said, megabytes = measured(
        small,
        written(tmp_path / "a.mha", mha(volume, packed, CompressedData="True")),
        written(tmp_path / "a.nrrd", nrrd(volume, bzipped, encoding="bzip2")),
    )
    assert said == ["(2, 64, 64)", "(2, 64, 64)"]
    assert megabytes < 20


def test_promised_pixels_take_no_memory_before_they_arrive(tmp_path, small):
    sizes = "512 512 1500"  # 0.8 GB
    contents = {
        "packed.mha": mha(numbers(), bomb(16), DimSize=sizes, CompressedData="True"),
        "raw.mha": mha(numbers(), DimSize=sizes),
        "text.nrrd": nrrd(numbers(), b"1 2 3", sizes=sizes, encoding="ascii"),
        "hex.nrrd": nrrd(numbers(), b"00" * 100, sizes=sizes, encoding="hex"),
    }
    paths = [written(tmp_path / name, content) for name, content in contents.items()]
    said, megabytes = measured(small, *paths)
    assert all("damaged or cut off" in problem for problem in said)
    assert len(said) == len(paths)
    assert megabytes < 40


@pytest.mark.parametrize(("dtype", "bound"), [("i2", 12), ("f8", 16)])
def test_a_large_volume_stays_within_the_stated_bound(tmp_path, small, dtype, bound):
    volume = np.zeros((60, 512, 512), dtype)
    volume[:, ::3] = -1000
    raw = written(tmp_path / "raw.nrrd", nrrd(volume))
    packed = written(tmp_path / "packed.mha", mha(volume, zlib.compress(volume, 1), CompressedData="True"))
    said, megabytes = measured(small, raw, packed)
    assert said == ["(60, 512, 512)"] * 2
    assert megabytes * 1e6 < bound * volume.size


@pytest.mark.parametrize("encoding", PACK)
def test_no_more_is_unpacked_than_is_read(encoding):
    content = bytes(8 * 2**20) if encoding != "hex" else bytes(2**20)
    pieces = UNPACK[encoding](io.BytesIO(PACK[encoding](content)), np.dtype("u1"))
    assert max(len(next(pieces)) for _ in range(5)) <= 2**20
    values = read_pixels(io.BytesIO(PACK[encoding](content)), Pixels(np.dtype("u1"), encoding), 100)
    assert values.tolist() == [0] * 100
    assert values.flags.writeable


@pytest.mark.parametrize("encoding", ["zlib", "gzip", "bzip2"])
def test_damage_is_seen_by_the_checksum_and_at_the_end(encoding):
    content = np.random.default_rng(0).bytes(1000)
    packed = PACK[encoding](content)
    spoilt = bytearray(packed)
    spoilt[-2 if encoding != "gzip" else -6] ^= 1
    pixels = Pixels(np.dtype("u1"), encoding)
    assert read_pixels(io.BytesIO(packed), pixels, 1000).tobytes() == content
    for damaged, count in ((bytes(spoilt), 1000), (packed[:-3], 1000), (packed[:100], 1000), (packed, 1001), (b"", 1)):
        with pytest.raises(DECODER_ERRORS):
            read_pixels(io.BytesIO(damaged), pixels, count)


@pytest.mark.parametrize("dtype", ["u1", "i2", ">i2", "u4", "i8", "u8", "f4", ">f8"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_numbers_in_text_encoding(dtype, data):
    kind = np.dtype(dtype)
    if kind.kind == "f":
        element = st.floats(width=8 * kind.itemsize, allow_infinity=False)
    else:
        bounds = np.iinfo(kind)
        limit = 2**53  # beyond this, float64 rounds
        element = st.integers(max(bounds.min, -limit), min(bounds.max, limit))
    values = data.draw(st.lists(element, min_size=1, max_size=40))
    blanks = data.draw(
        st.lists(st.sampled_from([" ", "\n", "\t ", ", ", "\r\n"]), min_size=len(values), max_size=len(values))
    )
    text = "".join(f"{value!r}{blank}" for value, blank in zip(values, blanks, strict=True))
    read = read_pixels(io.BytesIO(text.encode()), Pixels(kind, "text"), len(values))
    np.testing.assert_array_equal(read, np.array(values, kind))
    assert read.dtype.isnative


@pytest.mark.parametrize(
    ("dtype", "text"),
    [
        ("u1", b"256 "),
        ("u1", b"-1 "),
        ("u1", b"1.5"),
        ("u1", b"nan"),
        ("i8", b"9223372036854775808"),
        ("f4", b"1e39"),
        ("f8", b"inf"),
        ("f8", b"1e999"),
        ("f8", b"0x10"),
        ("f8", b"1_0"),
        ("f8", b"fin"),
        ("f8", b"1-2"),
        ("f8", b"1" * 100),
        ("f8", b"1" * 200_000),
        ("f8", b"\xff\xfe"),
        ("f8", b"1\x002"),
        ("f8", b"\xd9\xa1"),  # an Arabic digit
        ("f8", b""),
        ("f8", b" \n,"),
    ],
)
def test_text_that_is_not_a_number_of_its_type(dtype, text):
    with pytest.raises(DECODER_ERRORS):
        read_pixels(io.BytesIO(text), Pixels(np.dtype(dtype), "text"), 1)


def test_numbers_across_the_chunks_of_a_file():
    values = np.arange(100_000, 150_000)
    text = b" ".join(str(value).encode() for value in values)
    np.testing.assert_array_equal(read_pixels(io.BytesIO(text), Pixels(np.dtype("i4"), "text"), values.size), values)
    digits = values.astype("<i4").tobytes().hex("\n", 3).encode()
    np.testing.assert_array_equal(read_pixels(io.BytesIO(digits), Pixels(np.dtype("<i4"), "hex"), values.size), values)
