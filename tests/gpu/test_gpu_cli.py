"""`--backend gpu` from the command line, on the host device: the same files as on the CPU."""

import pytest
from host_kernel import needs_compiler
from small import files, spikewhen, write

from spikewhen.gpu import backend as gpu_backend
from spikewhen.gpu.host import HostDevice

pytestmark = needs_compiler


@pytest.fixture
def device(monkeypatch):
    made = HostDevice()
    monkeypatch.setattr(gpu_backend, "CudaDevice", lambda: made)
    return made


@pytest.mark.parametrize("closed", [False, True], ids=["open", "closed"])
def test_a_run_on_the_gpu_leaves_the_same_bytes(tmp_path, device, closed):
    config = write(tmp_path)
    changes = ("--set", "network.feedback_pa=20") if closed else ()
    for backend in ("cpu", "gpu"):
        done = spikewhen(
            "run", config, "--seeds", "0-2", "--backend", backend, "--out", tmp_path / backend, *changes
        )
        assert done.exit_code == 0, done.output
    names = [f for f in files(tmp_path / "cpu") if f.endswith(".h5")]
    assert len(names) == (6 if closed else 3)
    for name in names:
        assert (tmp_path / "cpu" / name).read_bytes() == (tmp_path / "gpu" / name).read_bytes()
    assert 0 < device.launches < 60


def test_more_runs_than_go_at_once_follow_in_waves(tmp_path, device):
    done = spikewhen(
        "compare",
        write(tmp_path),
        "--seeds",
        "0-2",
        "--threads",
        "2",
        "--backend",
        "gpu",
        "--out",
        tmp_path / "gpu",
    )
    assert done.exit_code == 0, done.output
    assert len([f for f in files(tmp_path / "gpu") if f.endswith(".h5")]) == 3


def test_a_run_that_cannot_go_on_ends_all_with_one_line(tmp_path, device):
    done = spikewhen(
        "run",
        write(tmp_path),
        "--seeds",
        "0-2",
        "--backend",
        "gpu",
        "--out",
        tmp_path / "gpu",
        "--set",
        "network.weight=1e30",
    )
    assert done.exit_code == 2
    assert "activity blew up" in done.output and "Traceback" not in done.output
