"""`Grid`: any orientation to the canonical one and back."""

from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lungct.sources import Grid

ORIENTATIONS = list(product(permutations(range(3)), product((1, -1), repeat=3)))


def affine_of(order, signs, spacing=(0.7, 0.8, 2.5), turn=None):
    """Return an affine whose column, row and slice axes run along the given patient axes."""
    affine = np.eye(4)
    directions = np.zeros((3, 3))
    for own, (axis, sign) in enumerate(zip(order, signs, strict=True)):
        directions[axis, own] = sign
    affine[:3, :3] = (turn if turn is not None else np.eye(3)) @ directions * spacing
    affine[:3, 3] = (-100, 20, 300)
    return affine


def place(affine, index):
    """Return the position of the array index (slice, row, column), mm."""
    return affine[:3, :3] @ np.array(index[::-1]) + affine[:3, 3]


@pytest.mark.parametrize(("order", "signs"), ORIENTATIONS)
def test_every_order_and_flip_keeps_each_voxel_in_place(order, signs):
    array = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    affine = affine_of(order, signs)
    grid = Grid.of(affine, array.shape)
    canonical = grid.to_canonical(array)
    np.testing.assert_array_equal(grid.to_own(canonical), array)
    for index in ((0, 0, 0), (3, 1, 2), (1, 4, 5)):
        (found,) = np.argwhere(canonical == array[index])
        np.testing.assert_allclose(place(grid.canonical_affine, found), place(affine, index))
    assert (np.diag(grid.canonical_affine)[:3] > 0).all()
    spacing = dict(zip(order, (0.7, 0.8, 2.5), strict=True))
    np.testing.assert_allclose(grid.spacing, [spacing[2], spacing[1], spacing[0]])


@given(st.sampled_from(ORIENTATIONS), st.floats(-30, 30), st.floats(-30, 30))
def test_oblique_grids_take_the_nearest_axes(orientation, pitch, roll):
    turn = Rotation.from_euler("xz", [pitch, roll], degrees=True).as_matrix()
    array = np.arange(3 * 4 * 5).reshape(3, 4, 5)
    grid = Grid.of(affine_of(*orientation, turn=turn), array.shape)
    canonical = grid.to_canonical(array)
    np.testing.assert_array_equal(grid.to_own(canonical), array)
    (found,) = np.argwhere(canonical == array[2, 1, 3])
    np.testing.assert_allclose(place(grid.canonical_affine, found), place(grid.affine, (2, 1, 3)), atol=1e-9)


def test_directions_are_required():
    with pytest.raises(ValueError, match="no directions"):
        Grid.of(np.diag([1.0, 0.0, 1.0, 1.0]), (2, 3, 4))
