"""NRRD: files written by SimpleITK are read in the same way, and untrusted headers are refused with a reason."""

import bz2
import gzip
import os

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lungct.sources import SourceError
from lungct.sources.nrrd import NRRD
from lungct.sources.nrrd import TYPES as SPELLED

from .raw.raw_files import TEEM, TYPES, assert_as_simpleitk, nrrd, numbers, read, said_by, within, written

VOLUME = numbers()
TEXT = " ".join(map(str, VOLUME.ravel())).encode()
STRAIGHT = "(0.7,0,0) (0,0.8,0) (0,0,2.5)"
OBLIQUE = "(0.69,0.1,0) (-0.1,0.8,0.05) (0.02,-0.1,2.5)"


@pytest.mark.parametrize("suffix", ["nrrd", "nhdr"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", TYPES)
def test_files_written_by_simpleitk_are_read(tmp_path, dtype, packed, suffix):
    image = sitk.GetImageFromArray(numbers(dtype))
    image.SetSpacing((0.7, 0.9, 3.0))
    image.SetOrigin((12.0, -34.0, 56.0))
    turn = Rotation.from_euler("xyz", [12, -8, 20], degrees=True).as_matrix() @ np.diag([-1, 1, -1])
    image.SetDirection(turn.ravel())
    for key, value in {"0008|0060": "CT", "0010|0010": "Müller", "a b": "data file: x", "c": "d:=e"}.items():
        image.SetMetaData(key, value)
    sitk.WriteImage(image, str(tmp_path / f"a.{suffix}"), useCompression=packed)
    scan = assert_as_simpleitk(tmp_path / f"a.{suffix}")
    assert (scan.metadata["format"], scan.warnings) == ("NRRD", ())


@pytest.mark.parametrize("encoding", ["raw", "gzip", "gz", "bzip2", "bz2", "ascii", "text", "txt", "hex"])
@pytest.mark.parametrize("order", ["little", "big"])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_encoding_type_and_byte_order(tmp_path, dtype, order, encoding):
    volume = numbers(dtype)
    stored = volume.astype(volume.dtype.newbyteorder("<" if order == "little" else ">")).tobytes()
    data = {
        "g": gzip.compress,
        "b": bz2.compress,
        "h": lambda content: content.hex("\n", 7).upper().encode(),
        "r": bytes,
        "a": lambda _: " ".join(map(str, volume.ravel())).encode(),
        "t": lambda _: ",\n".join(map(str, volume.ravel())).encode(),
    }[encoding[0]](stored)
    path = written(tmp_path / "a.nrrd", nrrd(volume, data, encoding=encoding, endian=order))
    np.testing.assert_array_equal(read(path).pixels, volume)
    if encoding[0] not in "bt":  # ITK's own teem has no bzip2, and accepts no comma before the end of a line
        assert_as_simpleitk(path)


@pytest.mark.parametrize("spelled", SPELLED)
def test_every_spelling_of_a_type(tmp_path, spelled):
    volume = numbers(SPELLED[spelled])
    assert_as_simpleitk(written(tmp_path / "a.nrrd", nrrd(volume, type=spelled)))
    assert set(TEEM.values()) <= set(SPELLED)


@pytest.mark.parametrize("magic", ["NRRD0001", "NRRD0002", "NRRD0003", "NRRD0004", "NRRD0005"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_versions_and_line_endings(tmp_path, magic, end):
    more = ("# any comment: with = and :=", "key:=a: b \\n c", "Content: Müller's", 'labels: "x" "y" "z"')
    head = nrrd(VOLUME, b"", *more).replace(b"NRRD0004", magic.encode()).replace(b"\n", end.encode())
    assert_as_simpleitk(written(tmp_path / "a.nrrd", head + VOLUME.tobytes()))


@pytest.mark.parametrize(
    "directions", [STRAIGHT, OBLIQUE, "(0,0,2.5) (0.7,0,0) (0,0.8,0)", "( 1 , 0, 0) (0,-2e0,0)(0,0,3)"]
)
@pytest.mark.parametrize(
    "space",
    [
        "right-anterior-superior",
        "RAS",
        "left-anterior-superior",
        "LAS",
        "left-posterior-superior",
        "left posterior superior",
        "lps",
    ],
)
def test_spaces_and_directions(tmp_path, space, directions):
    changed = {"space": space, "space directions": directions, "space origin": "(12,-34.5,56)"}
    scan = assert_as_simpleitk(written(tmp_path / "a.nrrd", nrrd(VOLUME, **changed)))
    assert scan.warnings == ()


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"spacings": "2 3 4"},
        {"spacings": "-2 NaN 4", "thicknesses": "nan nan 1"},
        {"spacings": "2 3 4", "axis mins": "1 2 3", "kinds": "domain domain domain"},
        {"spacings": "2 3 4", "axismins": "1 2 3", "centers": "node cell node"},
        {"axis mins": "1 2 3", "axis maxs": "11 12 13", "centerings": "cell node ???"},
        {"axis mins": "1 2 3", "centerings": "node node node"},
        {"axis mins": "1 2 3", "units": '"mm" "mm" ""'},
        {"space": "LPS", "space origin": "(1,2,3)"},
        {"space": "scanner-xyz", "space directions": OBLIQUE},
        {"space": "3D-right-handed", "space directions": OBLIQUE},
        {"space dimension": "3", "space directions": OBLIQUE, "measurement frame": "(1,0,0) (0,1,0) (0,0,1)"},
        {"dimension": "4", "sizes": "1 5 4 3", "kinds": "scalar domain domain domain"},
        {"kinds": "space space time", "number": "60", "old min": "0", "max": "nan", "sample units": "HU"},
    ],
)
def test_headers_without_orientation(tmp_path, changed):
    scan = assert_as_simpleitk(written(tmp_path / "a.nrrd", nrrd(VOLUME, **changed)))
    spaced = "space directions" in changed or changed.get("spacings", "nan").lower().find("nan") < 0
    assert scan.warnings == ("unknown-orientation", "unknown-spacing")[: 1 if spaced else 2]
    assert (scan.spacing is not None) == spaced


def test_an_axis_of_length_one_is_ignored(tmp_path):
    for sizes, directions, kinds in (
        ("1 5 4 3", f"none {STRAIGHT}", "vector domain domain domain"),
        ("5 4 3 1", f"{STRAIGHT} none", "space space space list"),
        ("5 1 4 3", STRAIGHT.replace(") (0,", ") none (0,", 1), "??? ??? none ???"),
    ):
        changed = {"dimension": "4", "sizes": sizes, "space": "LPS", "space directions": directions, "kinds": kinds}
        scan = read(written(tmp_path / "a.nrrd", nrrd(VOLUME, **changed)))
        np.testing.assert_array_equal(scan.pixels, VOLUME)
        assert scan.spacing == pytest.approx((2.5, 0.8, 0.7))


@pytest.mark.parametrize(
    ("data", "changed"),
    [
        (b"one\ntwo\r\n" + VOLUME.tobytes(), {"line skip": "2"}),
        (b"one\nxyz" + VOLUME.tobytes(), {"lineskip": "1", "byteskip": "3"}),
        (b"anything" + VOLUME.tobytes(), {"byte skip": "-1"}),
        (b"no\n" + gzip.compress(b"xyz" + VOLUME.tobytes()), {"encoding": "gzip", "line skip": "1", "byte skip": "3"}),
        (b"a b\n" + TEXT, {"encoding": "ascii", "line skip": "1"}),
        (b"xyz" + VOLUME.tobytes().hex().encode(), {"encoding": "hex", "byte skip": "3"}),
    ],
)
def test_skipped_lines_and_bytes(tmp_path, data, changed):
    assert_as_simpleitk(written(tmp_path / "a.nrrd", nrrd(VOLUME, data, **changed)))


def test_lengths_are_converted_to_mm(tmp_path):
    place = {"space": "LPS", "space directions": "(1,0,0) (0,2,0) (0,0,3)", "space origin": "(4,5,6)"}
    scan = read(written(tmp_path / "a.nrrd", nrrd(VOLUME, space_units='"cm" "um" "m"', **place)))
    np.testing.assert_allclose(scan.affine[:3], [[10, 0, 0, 40], [0, 2e-3, 0, 5e-3], [0, 0, 3000, 6000]])
    scan = read(written(tmp_path / "a.nrrd", nrrd(VOLUME, spacings="1 2 3", units='"cm" "mm" ""')))
    np.testing.assert_allclose(scan.spacing, [3, 2, 10])


REFUSED = {
    "2 axes and 1 values": [{"dimension": "2", "sizes": "5 12"}],
    "4 axes and 1 values": [{"dimension": "4", "sizes": "5 4 3 1"}],
    "3 axes and 3 values per pixel": [
        {"dimension": "4", "sizes": "3 5 4 1", "kinds": "RGB-color domain domain domain"},
        {"dimension": "4", "sizes": "5 4 1 3", "space": "LPS", "space directions": f"{STRAIGHT} none"},
    ],
    "2 axes and 3 values per pixel": [{"kinds": f"domain domain {kind}"} for kind in ("vector", "3-color", "complex")],
    "whose dimension": [{"dimension": said} for said in ("-1", "0", "17", "3 3", "x", None)],
    "whose sizes": [{"sizes": said} for said in ("5 4", "5 4 3 1", "0 4 3", "-5 4 3", "5 4 1e3", "", None)],
    "over the limit": [{"sizes": "2000000000 2000000000 2000000000"}, {"sizes": "9000 9000 1"}],
    "whose type": [{"type": said} for said in ("block", "char", "long", "", None)],
    "whose endian": [{"endian": "middle"}, {"endian": None}],
    "whose encoding": [{"encoding": "zrl"}, {"encoding": None}],
    "whose kinds": [{"kinds": "domain domain"}, {"kinds": "domain domain planet"}, {"kinds": "domain " * 1000}],
    "whose space is": [{"space": said} for said in ("LPST", "x" * 5000, "right-up", "none")],
    "whose space dimension": [{"space dimension": "4"}],
    "whose space directions": [
        {"space": "LPS", "space directions": said}
        for said in (
            "(1,0,0) (0,1,0)",
            f"{STRAIGHT} (1,1,1)",
            "(1,0,0) (0,1,0) (0,0,1",
            "(1,0) (0,1) (1,1)",
            "(1,0,0) (0,1,0) (0,nan,1)",
            "(1,0,0) (0,1,0) (0,0,inf)",
            "1 0 0 0 1 0 0 0 1",
            "(" * 5000,
            "(1,0,0) nonesuch (0,0,1)",
            "",
        )
    ],
    "can't be combined with spacings or units": [
        {"space": "LPS", "space directions": STRAIGHT, "spacings": "1 1 1"},
        {"space": "LPS", "space directions": STRAIGHT, "units": '"cm" "cm" "cm"'},
    ],
    "gives no directions": [{"space": "LPS", "space directions": "(1,0,0) (1,0,0) (0,0,1)"}, {"spacings": "0 1 1"}],
    "whose space origin": [{"space": "LPS", "space origin": said} for said in ("(1,2)", "(1,2,3) (4,5,6)", "1 2", "")],
    "whose space units": [{"space units": said} for said in ('"mm" "mm"', "mm mm mm", '"mm" "mm" "mm', '"y" "" ""')],
    "whose units": [{"units": '"mm"'}, {"units": '"mm" "mm" "furlong"'}],
    "whose spacings": [{"spacings": "1 1"}, {"spacings": "1 1 1e30"}],
    "whose line skip": [{"line skip": "-1"}, {"line skip": "99999"}],
    "whose byte skip": [{"byte skip": "-2"}] + [{"byte skip": said, "encoding": "gz"} for said in ("-1", "99999999")],
    "damaged": [
        {"encoding": "ascii"},
        {"encoding": "hex"},
        {"encoding": "gzip"},
        {"encoding": "bzip2"},
        {"sizes": "5 4 4"},
        {"line skip": "3"},
        {"byte skip": "1"},
        {"byte skip": "1000000000000"},
    ],
    "in another file": [{"data file": name} for name in ("a.raw", "/etc/passwd", "-", "LIST", "LIST 2", "a%02d 1 3 1")],
}  # fmt: skip


@pytest.mark.parametrize(("reason", "changed"), [(reason, one) for reason, many in REFUSED.items() for one in many])
def test_invalid_files_are_refused_with_a_reason(tmp_path, reason, changed):
    path = written(tmp_path / "a.nrrd", nrrd(VOLUME, **changed))
    with within(5), pytest.raises(SourceError, match=reason) as caught:
        read(path)
    assert caught.value.source == str(path)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "hidden",
    [
        "content: x\rdata file: {secret}",
        "# x\rdata file: {secret}",
        "key:=x\rdata file: {secret}",
        "content: x\x0bdata file: {secret}",
        "data file:{secret}",
        "data\tfile: {secret}",
        " data file: {secret}",
        "datafile: {secret}",
        "data file: {secret}",
        "data file = {secret}",
        "unheard of: x",
        "key:=x\nkey:=y",
        "dimension: 3",
        "centers: ??? ??? ???\ncenterings: ??? ??? ???",
        "nothing",
        " ",
        "# " + "x" * 9000,
        "# x\n" * 3000,
        "\n".join("# " + "x" * 8000 for _ in range(9)),
    ],
)
def test_no_line_overrides_another(tmp_path, hidden):
    secret = written(tmp_path / "secret", b"\7" * 500)
    with pytest.raises(SourceError, match=r"whose (line|end|dimension|'key'|centerings)|another file"):
        read(written(tmp_path / "a.nrrd", nrrd(VOLUME, None, hidden.format(secret=secret))))


@pytest.mark.parametrize("suffix", ["nrrd", "nhdr"])
@pytest.mark.parametrize("name", ["-", "pipe", "/dev/zero", "../pipe", "/etc/passwd", "/proc/self/environ"])
def test_no_other_file_is_opened_and_nothing_blocks(tmp_path, name, suffix):
    (tmp_path / "inside").mkdir()
    for pipe in (tmp_path / "pipe", tmp_path / "inside" / "pipe"):
        os.mkfifo(pipe)
    path = written(tmp_path / "inside" / f"a.{suffix}", nrrd(VOLUME, data_file=name))
    with within(5), pytest.raises(SourceError, match="keeps its pixels in"):
        read(path)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=600), st.integers(0, 300))
def test_any_header_is_read_or_refused(noise, place):
    content = nrrd(VOLUME, space="LPS", **{"space directions": STRAIGHT, "kinds": "domain domain domain"})
    said = said_by(NRRD, content[:place] + noise + content[place:])
    if isinstance(said, SourceError):
        assert (said.source, said.problem.isprintable()) == ("a", True)
    else:
        assert all(length > 0 for length in said.shape)
        assert np.isfinite(said.affine).all()


triples = st.tuples(*[st.floats(-1e5, 1e5)] * 3)


@settings(max_examples=100, deadline=None)
@given(st.tuples(*[triples] * 3), triples)
def test_every_direction_and_position_is_kept(directions, origin):
    said = [f"({','.join(map(repr, one))})" for one in (*directions, origin)]
    place = {"space": "LPS", "space directions": " ".join(said[:3]), "space origin": said[3]}
    affine = said_by(NRRD, nrrd(VOLUME, **place)).affine
    np.testing.assert_array_equal(affine[:3], np.transpose([*directions, origin]))
