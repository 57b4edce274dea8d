"""Cards and checksums."""

import dataclasses
import json
import shutil

import pytest

from lungct.lungseg import LungSegmenter
from lungct.weights import (
    CLASSIFIERS,
    RECOGNIZER,
    SEGMENTER,
    SEGMENTERS,
    WeightsError,
    load_card,
    read_verified,
    shipped_names,
)


def test_networks_are_shipped_with_full_cards():
    networks = [*SEGMENTERS.values(), *CLASSIFIERS.values()]
    assert shipped_names() == sorted([*networks, RECOGNIZER])
    for card in map(load_card, networks):
        read_verified(card.path, card.sha256)
        read_verified(card.keras_path, card.keras_sha256)
        assert card.licence
        assert card.preprocessing["size"] == card.architecture["size"]
        for data in card.training_data:
            assert data["slices"] > 0
            assert data["name"] == "drawn lesions" or data["patients"] > 0
        for figures in card.metrics["validation"].values():
            assert figures["patients"] >= 1
    for name in CLASSIFIERS.values():
        assert 0 < load_card(name).decision["threshold"] < 1


def test_card_round_trip(tmp_path):
    card = dataclasses.replace(load_card(SEGMENTER), folder=tmp_path)
    assert load_card(card.write()) == card


@pytest.mark.parametrize("damage", ["truncated", "one bit", "missing", "empty"])
def test_changed_network_is_refused(tmp_path, damage):
    card = load_card(SEGMENTER)
    copy = dataclasses.replace(card, folder=tmp_path)
    content = bytearray(card.path.read_bytes())
    if damage == "truncated":
        content = content[:-1]
    if damage == "one bit":
        content[len(content) // 2] ^= 1
    if damage == "empty":
        content = bytearray()
    if damage != "missing":
        copy.path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"Reinstall lungct") as caught:
        LungSegmenter.from_card(copy.write())
    assert str(copy.path) in str(caught.value)


def test_a_copy_of_your_own_works(tmp_path):
    card = load_card(SEGMENTER)
    shutil.copy(card.path, tmp_path)
    assert LungSegmenter.from_card(dataclasses.replace(card, folder=tmp_path).write()).card.folder == tmp_path


def test_files_that_are_not_cards_are_refused(tmp_path):
    with pytest.raises(WeightsError, match="does not exist"):
        load_card("no-such-network")
    for content in ("{}", "no json", json.dumps({"name": "x"})):
        (tmp_path / "card.json").write_text(content)
        with pytest.raises(WeightsError, match="is not a model card"):
            load_card(tmp_path / "card.json")
