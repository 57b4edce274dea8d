"""Files have their final name only once they are complete."""

import pytest

from lungct.common.whole_files import whole_file


def test_a_file_is_replaced_only_when_all_went_well(tmp_path):
    path = tmp_path / "best.weights.h5"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), whole_file(path, ".weights.h5") as aside:
        aside.with_name("not there").rename(aside)
    assert path.read_text() == "old"
    with whole_file(path, ".weights.h5") as aside:
        assert aside.name.endswith(".weights.h5")
        assert aside.name.startswith(".")
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [*tmp_path.iterdir()] == [path]
