"""Damage files: flip bits, delete, duplicate or swap parts, and make numbers in headers absurd."""

from __future__ import annotations

import random

INTERESTING = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
HEADER = 2048
"""The part with most of the meaning, which gets half of the changes."""


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Return content with one to eight changes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 8))):
        if not data:
            break
        rng.choice(CHANGES)(data, rng)
    return bytes(data)


def _place(data: bytearray, rng: random.Random) -> int:
    return rng.randrange(min(len(data), HEADER) if rng.random() < 0.5 else len(data))


def _span(data: bytearray, rng: random.Random) -> tuple[int, int]:
    start = _place(data, rng)
    return start, min(len(data), start + rng.choice((1, 2, 4, 16, 100, 1000, 20000)))


def _flip(data: bytearray, rng: random.Random) -> None:
    data[_place(data, rng)] ^= 1 << rng.randrange(8)


def _byte(data: bytearray, rng: random.Random) -> None:
    data[_place(data, rng)] = rng.randrange(256)


def _number(data: bytearray, rng: random.Random) -> None:
    place, width = _place(data, rng), rng.choice((1, 2, 4))
    value = rng.choice(INTERESTING) & ((1 << 8 * width) - 1)
    data[place : place + width] = value.to_bytes(width, rng.choice(("little", "big")))


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _remove(data: bytearray, rng: random.Random) -> None:
    start, stop = _span(data, rng)
    del data[start:stop]


def _double(data: bytearray, rng: random.Random) -> None:
    start, stop = _span(data, rng)
    data[stop:stop] = data[start:stop]


def _noise(data: bytearray, rng: random.Random) -> None:
    start, stop = _span(data, rng)
    data[start:stop] = rng.randbytes(stop - start)


def _swap(data: bytearray, rng: random.Random) -> None:
    start, stop = _span(data, rng)
    other = _place(data, rng)
    data[start:stop], data[other : other + stop - start] = data[other : other + stop - start], data[start:stop]


CHANGES = (_flip, _flip, _byte, _number, _number, _cut, _remove, _double, _noise, _swap)
