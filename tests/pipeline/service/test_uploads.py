"""Where uploads are stored while they are read, and that nothing of them is left."""

import errno
import random
import shutil
import tempfile
from pathlib import Path

import httpx
import pytest

from lungct.pipeline.service.errors import ServiceFault
from lungct.pipeline.service.uploads import UploadFolder

from ...fuzz.mutate import mutated
from ...fuzz.seeds import write_seeds
from .serving import post


def test_a_full_folder_is_reported_as_such(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("lungct.pipeline.service.uploads.MEMORY", tmp_path / "missing")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = UploadFolder(2**60)
    assert "lower --max-upload" in caplog.text
    with pytest.raises(ServiceFault, match="no room") as full, folder.holding(b"x"):
        raise OSError(errno.ENOSPC, "No space left on device", "/secret")
    assert full.value.status_code == 503
    with pytest.raises(PermissionError), folder.holding(b"x"):
        raise PermissionError
    assert [left.name for left in folder.path.iterdir()] == ["lock"]
    folder.remove()


def test_upload_folders_are_private_emptied_and_cleaned_up_after_a_kill(tmp_path, monkeypatch):
    monkeypatch.setattr("lungct.pipeline.service.uploads.MEMORY", tmp_path)
    one = UploadFolder(0)
    assert one.path.parent == tmp_path
    assert one.path.stat().st_mode & 0o777 == 0o700
    with one.holding(b"\x89PNG\r\n\x1a\n") as path:
        assert path.name == "upload.png"
    assert [left.name for left in one.path.iterdir()] == ["lock"]
    shutil.copytree(one.path, tmp_path / "lungct-serve-dead")
    other = UploadFolder(0)
    assert sorted(left.name for left in tmp_path.iterdir()) == sorted([one.path.name, other.path.name])
    one.remove()
    other.remove()
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("lungct.pipeline.service.uploads.MEMORY", tmp_path / "missing")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    on_disk = UploadFolder(0)
    on_disk.remove()


def test_leftovers_in_memory_are_removed_even_if_uploads_are_on_disk(tmp_path, monkeypatch):
    memory, disk = tmp_path / "memory", tmp_path / "disk"
    for place in (memory, disk):
        (place / "lungct-serve-dead").mkdir(parents=True)
        (place / "lungct-serve-dead" / "lock").touch()
    monkeypatch.setattr("lungct.pipeline.service.uploads.MEMORY", memory)
    monkeypatch.setattr(tempfile, "tempdir", str(disk))
    folder = UploadFolder(2**60)
    assert not list(memory.iterdir())
    assert list(disk.iterdir()) == [folder.path]
    folder.remove()


def test_damaged_uploads_are_refused_and_leave_nothing(url, memory, tmp_path):
    descriptors = Path("/proc/self/fd")
    files = write_seeds(tmp_path)
    assert post(url, files[0].read_bytes(), path="/v1/segment").status_code == 200
    before = len(list(descriptors.iterdir()))
    with httpx.Client() as client:
        statuses = [
            client.post(
                f"{url}/v1/segment",
                files={"file": mutated(files[number % len(files)].read_bytes(), random.Random(number))},  # noqa: S311
                timeout=30,
            ).status_code
            for number in range(51)
        ]
    assert set(statuses) <= {200, 422}
    assert statuses.count(422) > 5
    assert len(list(descriptors.iterdir())) <= before + 4  # the pipes of two cells
    (folder,) = memory.iterdir()
    assert [left.name for left in folder.iterdir()] == ["lock"]
