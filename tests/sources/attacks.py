"""Malicious files, each of a kind that once caused harm."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

import numpy as np
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless, generate_uid

from .dicom.dicom_files import slice_file

MUCH = 3 << 28
"""Bytes that a decompression bomb unpacks to."""


def hu(side=512):
    return np.full((side, side), -800, dtype=np.int16)


def saved(data):
    content = io.BytesIO()
    data.save_as(content)
    return content.getvalue()


def tiff_page_bomb(size=MUCH):
    """A volume of two pages, where the second page's pixels unpack to gigabytes."""
    good, bad = zlib.compress(bytes(2 * 512 * 512)), deflated(size)
    return _tiff([good, bad])


def _tiff(strips):
    content = bytearray(b"II*\0")
    offsets = []
    content += b"\0\0\0\0"
    for strip in strips:
        offsets.append(len(content))
        content += strip
    link = 4
    for strip, offset in zip(strips, offsets, strict=True):
        entries = [
            (256, 4, 1, 512), (257, 4, 1, 512), (258, 3, 1, 16), (259, 3, 1, 8), (262, 3, 1, 1),
            (273, 4, 1, offset), (277, 3, 1, 1), (278, 4, 1, 512), (279, 4, 1, len(strip)),
        ]  # fmt: skip
        struct.pack_into("<I", content, link, len(content))
        content += struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
        link = len(content)
        content += b"\0\0\0\0"
    return bytes(content)


def tiff_circle():
    """A page whose next page is itself."""
    content = bytearray(_tiff([zlib.compress(bytes(2 * 512 * 512))]))
    content[-4:] = content[4:8]
    return bytes(content)


def deflated(size):
    """This many zero bytes, compressed by zlib."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 24)
    return b"".join(packer.compress(block) for _ in range(size >> 24)) + packer.flush()


def deflated_dicom(size=MUCH):
    """A deflated DICOM file that unpacks to gigabytes; its meta header has no group length."""
    data = slice_file(hu(64), series=generate_uid())
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    whole = io.BytesIO()
    data.save_as(whole, enforce_file_format=True)
    content = whole.getvalue()
    start = 144 + struct.unpack_from("<I", content, 140)[0]
    plain = zlib.decompressobj(-zlib.MAX_WBITS).decompress(content[start:])
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = packer.compress(plain + struct.pack("<HH2sHI", 0xFFFC, 0xFFFC, b"OB", 0, size))
    block = bytes(1 << 24)
    body += b"".join(packer.compress(block) for _ in range(size >> 24)) + packer.flush()
    return content[:132] + content[144:start] + body


def j2k_that_says_it_is_huge(side=30_000):
    """A slice of 512 x 512 whose JPEG 2000 codestream claims 30,000 x 30,000."""
    data = slice_file(hu(), series=generate_uid())
    data.compress(JPEG2000Lossless)
    content = bytearray(saved(data))
    at = content.index(b"\xff\x4f\xff\x51")
    struct.pack_into(">II", content, at + 8, side, side)  # of the picture
    struct.pack_into(">II", content, at + 24, side, side)  # of its tiles
    return bytes(content)


def rle_bomb(size=1 << 26):
    """A slice whose run-length encoded segments repeat one byte endlessly."""
    data = slice_file(hu(), series=generate_uid())
    runs = b"\x81\x00" * (size // 128)
    frame = struct.pack("<16I", 2, 64, 64 + len(runs), *[0] * 13) + runs * 2
    data.file_meta.TransferSyntaxUID = RLELossless
    data.PixelData = encapsulate([frame])
    data["PixelData"].is_undefined_length = True
    return saved(data)


def many_elements(count=1_200_000):
    """A slice with more than a million empty private elements before its pixels."""
    content = saved(slice_file(hu(64), series=generate_uid()))
    at = content.index(struct.pack("<HH2s", 0x0020, 0x000D, b"UI"))
    extra = b"".join(struct.pack("<HH2sH", 0x0019, 0x1000 + n % 0xE000, b"LO", 0) for n in range(count))
    return content[:at] + extra + content[at:]


def many_elements_inside(count=1_000_000):
    """A slice whose Rows claim to be a sequence of a million empty items."""
    content = bytearray(saved(slice_file(hu(64), series=generate_uid())))
    at = content.index(struct.pack("<HH2s", 0x0028, 0x0010, b"US"))
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * count
    content[at : at + 10] = struct.pack("<HH2sHI", 0x0028, 0x0010, b"SQ", 0, len(items)) + items
    return bytes(content)


def many_groups(count=400_000):
    """One frame with functional groups of very many items."""
    data = slice_file(hu(64), series=generate_uid())
    group = Dataset()
    group.PlanePositionSequence = Sequence([Dataset() for _ in range(20)])
    data.PerFrameFunctionalGroupsSequence = Sequence([group])
    content = bytearray(saved(data))
    at = content.index(struct.pack("<HH2s", 0x5200, 0x9230, b"SQ"))
    length = struct.unpack_from("<I", content, at + 8)[0]
    items = struct.pack("<HHI", 0xFFFE, 0xE000, 0) * count
    content[at + 8 : at + 12 + length] = struct.pack("<I", len(items)) + items
    return bytes(content)


def zip_of_many_entries(count=400_000):
    """An archive whose directory names very many files that don't exist."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a", b"")
    packed = content.getvalue()
    start = packed.index(b"PK\x01\x02")
    entry = packed[start : packed.index(b"PK\x05\x06")]
    directory = entry * count
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, min(count, 65535), min(count, 65535), len(directory), start, 0)
    return packed[:start] + directory + end


def zip_of_bzip2(size=MUCH):
    """An archive with a slice that Python's bzip2 would unpack whole, to gigabytes."""
    content = io.BytesIO()
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_BZIP2, compresslevel=9) as archive,
        archive.open("1.dcm", "w", force_zip64=True) as member,
    ):
        member.write(saved(slice_file(hu(64), series=generate_uid())))
        for _ in range(size >> 24):
            member.write(bytes(1 << 24))
    return content.getvalue()


def npy_of_a_long_header():
    """An array file whose header claims to be four gigabytes long."""
    return b"\x93NUMPY\x02\x00" + b"\xff" * 4 + bytes(100)


def npy_of_much(shape=(1000, 8000, 8000)):
    """An array file whose header promises more than the file holds."""
    header = f"{{'descr': '<i2', 'fortran_order': False, 'shape': {shape}, }}".encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
