"""What bad input gets: one line on stderr, exit code 2, nothing written, no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import small
from sealing import sealed
from small import refused

from spikewhen.gpu.device import why_not
from spikewhen.reservoir.files import schema


def run_refused(tmp_path: Path, *parts: str, text: str = small.TEXT, words: tuple[str, ...] = ()) -> None:
    """Check that `spikewhen run` refuses, and leaves the folder as it was."""
    config = small.write(tmp_path, text)
    refused(small.spikewhen("run", config, "--out", tmp_path / "out", *words), *parts)
    assert small.files(tmp_path) == ["small.toml"]


@pytest.mark.parametrize(
    "override, field, value, allowed",
    [
        ("network.n_neurons=0", "network.n_neurons", "0", ">= 1"),
        ("network.n_neurons=1.5", "network.n_neurons", "1.5", "integer"),
        ("network.bias_pa=nan", "network.bias_pa", "nan", "finite"),
        ("network.cue_pa=inf", "network.cue_pa", "inf", "finite"),
        ("network.out_degree=60", "network.out_degree", "60", "below n_neurons"),
        ("network.excitatory_mix={RZ=1.0}", "network.excitatory_mix.RZ", "1.0", "RS"),
        ("simulation.dt_ms=0.3", "readout_step_ms", "1.0", "multiple of 0.3 ms"),
        ("simulation.dt_ms=-1", "simulation.dt_ms", "-1", "> 0"),
        ("simulation.precision=float16", "simulation.precision", "float16", "float32, float64"),
        ("simulation.noise_hold_ms=0.25", "noise_hold_ms", "0.25", "multiple of 0.1"),
        ("paradigm.cue_ms=50.5", "paradigm.cue_ms", "50.5", "multiple of 1 ms"),
        (
            "paradigm.blocks=[{probability=[[1.2,0.0]],latency_ms=[[200.0,400.0]]}]",
            "paradigm.blocks[0].probability",
            "1.2",
            "<= 1",
        ),
        (
            "paradigm.blocks=[{probability=[[0.7,0.7]],latency_ms=[[200.0,400.0]]}]",
            "paradigm.blocks[0].probability[0]",
            "0.7",
            "at most 1",
        ),
        (
            "paradigm.blocks=[{probability=[[0.7,0.3]],latency_ms=[[200.0,600.0]]}]",
            "paradigm.blocks[0].latency_ms",
            "600.0",
            "inside the trial",
        ),
        (
            "paradigm.blocks=[{probability=[[0.7,0.3]],latency_ms=[[-5.0,400.0]]}]",
            "paradigm.blocks[0].latency_ms",
            "-5.0",
            "> 0",
        ),
        (
            "paradigm.blocks=[{probability=[[0.7]],latency_ms=[[200.0]]}]",
            "paradigm.blocks[0].probability",
            "0.7",
            "2 events",
        ),
        ("paradigm.blocks=[]", "paradigm.blocks", "()", "at least one"),
        ("rules.local.rule=hebb", "rules.local.rule", "hebb", "three_factor, rls, lms"),
        ("rules.local.eta=fast", "rules.local.eta", "fast", "number"),
        ("rules.local.gate.basline=1", "rules.local.gate.basline", "1", "did you mean baseline?"),
        ("rules.local.what.window_end_ms=250.0", "rules.local.what.window_end_ms", "250.0", "at most 200"),
        ("rules.rls.interval_ms=0.5", "rules.rls.interval_ms", "0.5", "multiple of 1 ms"),
        ("record.readouts_every_ms=0.7", "record.readouts_every_ms", "0.7", "multiple of 1 ms"),
        ("rules.a-b.rule=lms", "rules", "a-b", "letters, digits"),
    ],
)
def test_wrong_values_name_file_field_value_and_what_is_allowed(tmp_path, override, field, value, allowed):
    run_refused(tmp_path, "small.toml", field, value, allowed, words=("--set", override))


def test_probability_above_one_in_the_file_itself(tmp_path):
    run_refused(tmp_path, "small.toml", "[0].probability", "1.8", text=small.TEXT.replace("0.8", "1.8"))


@pytest.mark.parametrize(
    "text, part", [("[network", "valid TOML"), ("a = 1\na = 2", "valid TOML"), ("network = 3", "network")]
)
def test_files_that_are_no_config(tmp_path, text, part):
    run_refused(tmp_path, "small.toml", part, text=text)


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    refused(small.spikewhen("run", path, "--out", tmp_path / "out"), "x.toml", "TOML")


def test_missing_config(tmp_path):
    refused(small.spikewhen("run", tmp_path / "none.toml"), "none.toml", "meet.toml")


@pytest.mark.parametrize(
    "words, parts",
    [
        (("--seeds", "5-2"), ("--seeds", "5-2", "0-19")),
        (("--seeds", "1", "--seed", "1"), ("--seeds", "either")),
        (("--seed", "-1"), ("--seed", "-1")),
        (("--backend", "tpu"), ("--backend", "tpu", "cpu, gpu")),
        (("--precision", "float16"), ("simulation.precision", "float16", "float32, float64")),
        (("--set", "network.n_neurons"), ("--set", "section.name=value")),
        (("--threads", "0"), ("--threads", "0")),
        (("--sed", "1"), ("--sed",)),
    ],
)
def test_wrong_options(tmp_path, words, parts):
    run_refused(tmp_path, *parts, words=words)


def test_unknown_rules_in_compare(tmp_path):
    config = small.write(tmp_path)
    result = small.spikewhen("compare", config, "--rules", "local,rsl", "--out", tmp_path / "out")
    refused(result, "--rules", "rsl", "local, rls")
    assert small.files(tmp_path) == ["small.toml"]


def test_unknown_commands_and_formats(tmp_path):
    refused(small.spikewhen("rum"), "rum", "run")
    refused(small.spikewhen("figures", tmp_path, "--format", "gif"), "--format", "gif", "pdf,png,svg")
    refused(small.spikewhen("figures", tmp_path), "result files")


@pytest.mark.skipif(not why_not(), reason="there is a GPU")
def test_a_gpu_that_is_not_there(tmp_path):
    run_refused(tmp_path, "gpu", why_not().split(";")[0], words=("--backend", "gpu"))


def test_an_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    config = small.write(tmp_path)
    refused(small.spikewhen("run", config, "--out", tmp_path / "file" / "out"), "--out", "writable folder")
    assert small.files(tmp_path) == ["file", "small.toml"]


def test_activity_that_blows_up_names_array_neuron_and_time(tmp_path):
    line = "activity blew up: "
    words = ("--set", "network.weight=1e30", "--seeds", "0-1", "--threads", "1")
    config = small.write(tmp_path)
    result = small.spikewhen("run", config, "--out", tmp_path / "out", *words, "--fail-fast")
    text = refused(result, "seed 0", line, " ms;")
    assert any(f"{name}[" in text for name in ("v", "u", "current"))
    assert small.files(tmp_path) == ["small.toml"]


@pytest.fixture(scope="module")
def result_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("file")
    config = small.write(folder)
    assert small.spikewhen("run", config, "--out", folder / "out").exit_code == 0
    return next((folder / "out").glob("*.h5"))


def damage_data(path: Path) -> None:
    with h5py.File(path) as file:
        chunk = file[schema.synapses("weight")].id.get_chunk_info(0)
    raw = bytearray(path.read_bytes())
    raw[chunk.byte_offset + chunk.size // 2] ^= 0xFF
    path.write_bytes(raw)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def no_hdf5(path: Path) -> None:
    path.write_text("hello")


def foreign(path: Path) -> None:
    path.unlink()
    with sealed(path, "w") as file:
        file["x"] = np.zeros(3)


def linked(path: Path) -> None:
    with sealed(path, "a") as file:
        file[schema.readout("elsewhere")] = h5py.ExternalLink("/etc/passwd", "/")


def huge(path: Path) -> None:
    with sealed(path, "a") as file:
        file.create_dataset(schema.weights("huge"), (2**40,), "f8", chunks=(1024,))


@pytest.mark.parametrize("harm", [damage_data, cut, no_hdf5, foreign, linked, huge, Path.unlink])
def test_damaged_foreign_and_hostile_files(result_file, tmp_path, harm):
    path = tmp_path / result_file.name
    path.write_bytes(result_file.read_bytes())
    harm(path)
    refused(small.spikewhen("info", path), str(path))
    if path.exists():
        refused(small.spikewhen("figures", tmp_path), str(path))


def test_a_damaged_result_is_not_taken_for_finished(result_file, tmp_path):
    config = small.write(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / result_file.name).write_bytes(result_file.read_bytes()[:1000])
    refused(small.spikewhen("run", config, "--out", tmp_path / "out"), result_file.name)


def test_a_real_process_says_one_line_and_shows_a_traceback_only_when_asked(tmp_path):
    config = small.write(tmp_path)
    command = [
        sys.executable,
        "-m",
        "spikewhen.experiments.cli.app",
        "run",
        str(config),
        "--set",
        "network.n_neurons=0",
    ]
    quiet = subprocess.run(command, capture_output=True, text=True)
    assert quiet.returncode == 2 and quiet.stdout == ""
    assert quiet.stderr == f"error: {config}: network.n_neurons = 0: a finite number >= 1\n"
    loud = subprocess.run([*command, "--debug"], capture_output=True, text=True)
    assert "Traceback" in loud.stderr
