"""Nothing phones home: no host look-up, connections only to this machine, files only where requested."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from .conftest import SLICES
from .pipeline.service.serving import free_port

PICTURE = SLICES / "covid19-ny-sbu-A002304.png"

STRACE = shutil.which("strace")

pytestmark = pytest.mark.skipif(STRACE is None, reason="strace shows what a process asks the system for")

LOCAL = re.compile(r"AF_UNIX|AF_NETLINK|127\.0\.0\.1|::1")

FAR = re.compile(r"(?:connect|sendto|sendmsg|sendmmsg)\(\d+, .*(?:AF_INET6?|sin6?_addr)")

WRITTEN = re.compile(r'openat?\((?:AT_FDCWD, )?"([^"]+)", [^)]*O_(?:WRONLY|RDWR)[^)]*\) = \d')

COMMANDS = {
    "predict": [str(PICTURE), "--out", "OUT", "--html"],
    "segment": [str(PICTURE), "--out", "OUT"],
    "batch": [str(PICTURE), "--out", "OUT", "--masks", "png"],
    "report": ["--data", "DATA", "--out", "OUT/report.html"],
    "predict --engine openvino": [str(PICTURE), "--out", "OUT", "--precision", "f32"],
}


@pytest.fixture
def traced(tmp_path):
    """Run a command in an empty home directory and check its system calls."""
    for name in ("home", "out", "tmp"):
        (tmp_path / name).mkdir()
    for label in ("COVID", "NonCOVID"):
        (tmp_path / "data" / label).mkdir(parents=True)
        shutil.copy(PICTURE, tmp_path / "data" / label / f"{label}.png")
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path / "tmp")}
    environment |= {"PYTHONDONTWRITEBYTECODE": "1"}
    for name in ("CI", "ORT_DISABLE_TELEMETRY"):  # ONNX Runtime sends no telemetry if it sees these
        environment.pop(name, None)
    log = tmp_path / "calls"

    def start(*arguments):
        filled = [a.replace("OUT", str(tmp_path / "out")).replace("DATA", str(tmp_path / "data")) for a in arguments]
        calls = "trace=openat,open,connect,sendto,sendmsg,sendmmsg"
        command = [STRACE, "-f", "-qq", "-s", "200", "-o", log, "-e", calls, sys.executable, "-m", "lungct", *filled]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def check():
        text = log.read_text(errors="replace")
        assert text.count("openat") > 100  # the trace is not empty
        assert not [line for line in text.splitlines() if FAR.search(line) and not LOCAL.search(line)]
        allowed = (str(tmp_path), "/dev/", "/proc/self")
        outside = {path for path in WRITTEN.findall(text) if not path.startswith(allowed) and path.startswith("/")}
        assert not outside
        assert not list((tmp_path / "home").iterdir())

    return start, check


@pytest.mark.parametrize("name", list(COMMANDS))
def test_commands_are_quiet(traced, name):
    start, check = traced
    process = start(*name.split(), *COMMANDS[name])
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said.decode()
    check()


def test_the_service_is_quiet(traced):
    start, check = traced
    port = free_port()
    process = start("serve", "--port", str(port))
    try:
        for _ in range(600):
            try:
                if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        found = httpx.post(
            f"http://127.0.0.1:{port}/v1/predict", files={"file": ("x", PICTURE.read_bytes())}, timeout=60
        )
        assert found.status_code == 200
    finally:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGTERM)  # strace passes no signal on
        process.communicate(timeout=60)
    check()


def test_the_check_detects_violations(tmp_path):
    line = 'connect(3, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("8.8.8.8")}, 16) = 0'
    assert FAR.search(line)
    assert not LOCAL.search(line)
    assert WRITTEN.findall('openat(AT_FDCWD, "/root/intel/x", O_WRONLY|O_CREAT, 0666) = 3') == ["/root/intel/x"]
    assert Path("/root/intel/x").is_absolute()
