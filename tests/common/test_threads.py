"""Work in parallel, in order, and no further ahead than allowed."""

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lungct.common.threads import as_ready, available_threads, side_by_side
from lungct.weights import SEGMENTER, Network, load_card


@given(st.lists(st.integers(), max_size=30), st.integers(1, 5), st.integers(0, 9))
def test_results_come_in_order(items, threads, ahead):
    assert list(side_by_side(lambda item: item * 2, items, threads, ahead)) == [item * 2 for item in items]


def test_several_threads_work_at_the_same_time():
    both = threading.Barrier(2, timeout=10)
    assert list(side_by_side(lambda item: (both.wait(), item)[1], range(4), threads=2)) == [0, 1, 2, 3]


def test_no_more_items_are_started_than_allowed():
    drawn = []

    def items():
        for item in range(20):
            drawn.append(item)
            yield item

    results = side_by_side(lambda item: item, items(), threads=2, ahead=3)
    assert next(results) == 0
    assert len(drawn) == 4


def test_quick_items_do_not_wait_for_slow_ones():
    items = [0.5, *[0.0] * 20]

    def work(seconds):
        time.sleep(seconds)
        return seconds

    found = list(as_ready(work, items, threads=2))
    assert [item for item, _ in found] == [0.0] * 20 + [0.5]
    assert all(item == result for item, result in found)


def test_a_failure_reaches_the_caller_and_ends_the_rest():
    begun = []

    def work(item):
        begun.append(item)
        time.sleep(0.01)
        if item == 1:
            raise KeyError(item)
        return item

    results = side_by_side(work, range(100), threads=2)
    with pytest.raises(KeyError):
        list(results)
    assert len(begun) < 20


def test_one_item_gets_all_threads_and_many_get_one_each():
    network = Network(load_card(SEGMENTER), threads=2)
    runs = {}

    def work(run, item):
        runs[item] = run
        return item

    assert list(network.map(work, [0])) == [0]
    assert list(network.map(work, range(1, 6))) == [1, 2, 3, 4, 5]
    assert runs[0] == network.run
    assert all(runs[item] != network.run for item in range(1, 6))
    assert available_threads() >= 1


def test_callers_share_the_threads():
    shared = Network(load_card(SEGMENTER), threads=5, callers=2)
    assert shared.threads == 2
    assert Network(load_card(SEGMENTER), threads=2, callers=2).threads == 1
    assert Network(load_card(SEGMENTER), threads=1, callers=4).threads == 1
    picture = np.random.default_rng(0).random((1, 64, 64, 1), dtype=np.float32)
    alone = Network(load_card(SEGMENTER), threads=1).run(picture)[0]
    for result in side_by_side(lambda _: shared.run(picture)[0], range(6), threads=2):
        np.testing.assert_allclose(result, alone, atol=1e-5)
