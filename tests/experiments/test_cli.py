"""The command `spikewhen`: what it writes, skips, prints, and how it is interrupted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import pytest
import small
from lively import equal

from spikewhen.experiments import batch
from spikewhen.experiments.config import CONFIGS, load_config
from spikewhen.experiments.jobs import make_jobs
from spikewhen.experiments.run import run
from spikewhen.reservoir.files import schema

COMMAND = [sys.executable, "-m", "spikewhen.experiments.cli.app"]


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A folder with the finished runs of two seeds."""
    folder = tmp_path_factory.mktemp("done")
    config = small.write(folder)
    result = small.spikewhen("run", config, "--seeds", "0-1", "--out", folder / "out")
    assert result.exit_code == 0, result.stderr
    return folder, config, result


def test_run_writes_results_sidecars_and_summary(done):
    folder, config, result = done
    jobs = make_jobs("small", load_config(config), [0, 1], folder / "out")
    expected = [f"{j.run_id}.{end}" for j in jobs for end in ("h5", "json")]
    assert small.files(folder / "out") == sorted([*expected, "summary.json"])
    assert "local" in result.stdout and "rls" in result.stdout
    assert [line for line in result.stderr.splitlines() if " Hz (" in line]
    sidecar = json.loads((folder / "out" / f"{jobs[0].run_id}.json").read_text())
    assert (sidecar["seed"], sidecar["config"], sidecar["backend"]) == (0, "small", "cpu")
    with h5py.File(jobs[0].path) as file:
        assert "error" in file[schema.scores("local")] and b" Hz" in bytes(file[schema.WARNINGS][()])


def test_summary_names_its_runs(done):
    folder, *_ = done
    (entry,) = json.loads((folder / "out" / "summary.json").read_text())["experiments"]
    stems = {p.stem for p in (folder / "out").glob("*.h5")}
    assert {r["run_id"] for r in entry["runs"]} == stems
    assert entry["labels"]["local"]["blocks"][0]["error"]["n"] == 2


def test_finished_runs_are_skipped_and_json_is_alone_on_stdout(done):
    folder, config, _ = done
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in (folder / "out").glob("*.h5")}
    summary = (folder / "out" / "summary.json").read_text()
    result = small.spikewhen("run", config, "--seeds", "0-1", "--out", folder / "out", "--json")
    assert result.exit_code == 0
    assert result.stderr.count("skipped") == 2
    assert json.loads(result.stdout) == json.loads(summary)
    assert {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in (folder / "out").glob("*.h5")} == before


@pytest.mark.parametrize("threads", [1, 2])
def test_equal_runs_give_equal_bytes(done, tmp_path, threads):
    folder, config, _ = done
    again = small.spikewhen("run", config, "--seeds", "0,1", "--threads", threads, "--out", tmp_path)
    assert again.exit_code == 0
    for path in (folder / "out").glob("*.h5"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_a_run_in_memory_equals_its_file(done):
    folder, config, _ = done
    experiment = load_config(config)
    assert equal(run(experiment, 1), run(experiment, 1, out=folder / "out"))


def test_progress_counts_trials_and_probes_and_changes_nothing(tmp_path):
    experiment = load_config(small.table())
    (job,) = make_jobs("small", experiment, [5], tmp_path)
    ticks: list[int] = []
    run(experiment, 5, out=tmp_path, progress=ticks.append)
    assert sum(ticks) == job.steps == 4


def test_dry_run_writes_nothing_and_knows_what_is_finished(done, tmp_path):
    folder, config, _ = done
    result = small.spikewhen("run", config, "--seeds", "0-3", "--out", folder / "out", "--dry-run")
    assert result.exit_code == 0
    assert result.stdout.count("finished") == 2 and "2 of 4 runs to do" in result.stdout
    fresh = small.spikewhen("run", config, "--out", tmp_path / "new", "--dry-run", "--json")
    assert json.loads(fresh.stdout)["runs"][0]["finished"] is False
    assert not list(tmp_path.iterdir())


def test_set_and_precision_reach_the_file(tmp_path):
    config = small.write(tmp_path)
    result = small.spikewhen(
        "run", config, "--set", "network.n_neurons=40", "--precision", "float32", "--out", tmp_path / "o"
    )
    assert result.exit_code == 0, result.stderr
    (path,) = (tmp_path / "o").glob("*.h5")
    with h5py.File(path) as file:
        assert file[schema.CELL_TYPE].shape == (40,)
        assert file[schema.readout("local", "probes", "y")].dtype == "float32"


def test_feedback_gives_every_rule_a_run_and_compare_pairs_them(tmp_path):
    config = small.write(tmp_path)
    out = tmp_path / "o"
    words = ("--set", "network.feedback_pa=5.0", "--rules", "rls,local", "--out", out)
    result = small.spikewhen("compare", config, "--seeds", "0-1", *words)
    assert result.exit_code == 0, result.stderr
    assert len(list(out.glob("*.h5"))) == 4
    assert "Differences of E to rls" in result.stdout
    rows = (out / "compare.csv").read_text().splitlines()
    assert rows[0].startswith("seed,run_id,rule,block,trial,condition,event,score,heading,value")
    assert {row.split(",")[2] for row in rows[1:]} == {"local", "rls"}
    assert "| local | 1 | 2 |" in (out / "compare.md").read_text()


def test_info_tells_what_is_there(done):
    folder, *_ = done
    path = next((folder / "out").glob("*.h5"))
    text = small.spikewhen("info", path)
    assert (
        text.exit_code == 0
        and path.stem in text.stdout
        and schema.readout("local", "probes", "y") in text.stdout
    )
    found = json.loads(small.spikewhen("info", path, "--json").stdout)
    assert found["run_id"] == path.stem and found["trials"] == 2 and found["probes"] == 2
    assert found["arrays"][schema.probe("interval_ms")]["units"] == "ms"


def test_doctor_explains_itself():
    found = {f["what"]: f for f in json.loads(small.spikewhen("doctor", "--json").stdout)}
    assert found["numba"]["ok"] and found["HDF5"]["ok"]
    assert found["GPU"]["ok"] or found["GPU"]["mend"]


def test_config_commands(tmp_path):
    config = small.write(tmp_path)
    shown = small.spikewhen("config", "show", config).stdout
    assert "n_neurons = 60 " in shown and "# number of neurons (>= 1)" in shown
    values = {v["path"]: v for v in json.loads(small.spikewhen("config", "show", config, "--json").stdout)}
    assert values["simulation.dt_ms"]["unit"] == "ms" and values["simulation.dt_ms"]["allowed"] == "> 0"
    assert all(v["meaning"] for v in values.values())
    assert "valid" in small.spikewhen("config", "validate", config).stdout
    assert "meet.toml" in small.spikewhen("config", "list").stdout


@pytest.mark.parametrize("name", [p.name for p in CONFIGS.glob("*.toml")])
def test_what_config_show_prints_is_a_config_of_the_same_run(name, tmp_path):
    path = small.write(tmp_path, small.spikewhen("config", "show", name).stdout)
    assert load_config(path).run_id(3) == load_config(name).run_id(3)
    assert all(len(line) <= 80 for line in path.read_text().splitlines() if "# " in line)


def test_a_command_that_is_like_none_is_answered_with_those_there_are():
    small.refused(small.spikewhen("config", "check", "x"), "'check'", "Commands: list, new, show, validate")


def test_config_new_copies_and_never_replaces(tmp_path):
    target = tmp_path / "mine.toml"
    assert small.spikewhen("config", "new", tmp_path / "mine", "--from", "force_sine").exit_code == 0
    assert load_config(target) == load_config("force_sine.toml")
    target.write_text("mine")
    again = small.spikewhen("config", "new", target)
    assert again.exit_code == 2 and "not there yet" in again.stderr and target.read_text() == "mine"


def test_the_shell_completes_commands():
    code = "from spikewhen.experiments.cli.app import main; main()"
    asked = {"_SPIKEWHEN_COMPLETE": "complete_bash", "COMP_WORDS": "spikewhen co", "COMP_CWORD": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **asked}
    )
    assert done.returncode == 0 and done.stdout.split() == ["compare", "config"]


def test_python_m_spikewhen_is_the_command():
    done = subprocess.run([sys.executable, "-m", "spikewhen", "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith("spikewhen ")


def test_help_has_examples_and_fits_80_columns():
    for words in ([], ["run"], ["compare"], ["figures"], ["info"], ["doctor"], ["demo"], ["config"]):
        text = small.spikewhen(*words, "--help").stdout
        assert "Examples:" in text
        body = text.split("Examples:")[0]
        assert all(len(line) <= 80 for line in body.splitlines())


def test_demo_is_what_the_help_says():
    result = small.spikewhen("demo", "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "of 7 runs to do" in result.stdout and "fewer" not in result.stderr


def test_ctrl_c_in_a_run_leaves_no_file(tmp_path):
    def interrupt(n: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(load_config(small.table()), 0, out=tmp_path, progress=interrupt)
    assert small.files(tmp_path) == []


def test_ctrl_c_keeps_finished_runs_and_says_how_many(tmp_path, monkeypatch):
    config = small.write(tmp_path)
    real = batch._carry_out

    def second_is_interrupted(*words):
        if words[3].seed == 1:
            raise KeyboardInterrupt
        return real(*words)

    monkeypatch.setattr(batch, "_carry_out", second_is_interrupted)
    result = small.spikewhen("run", config, "--seeds", "0-1", "--threads", "1", "--out", tmp_path / "o")
    assert result.exit_code == 130
    assert "interrupted: 1 of 2 runs finished, run again to go on" in result.stderr
    assert [p.suffix for p in sorted((tmp_path / "o").iterdir())] == [".h5", ".json"]


@pytest.fixture
def many_runs(tmp_path):
    """The command at work on a thousand runs, in a group of its own as at a terminal; its folder."""
    config, out = small.write(tmp_path), tmp_path / "o"
    words = ["--seeds", "0-999", "--threads", "2", "--out", str(out), "--fail-fast"]
    command = [*COMMAND, "run", str(config), *words]

    def hear_ctrl_c() -> None:  # which a shell has a command in the background ignore
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, start_new_session=True, preexec_fn=hear_ctrl_c) as process:
        deadline = time.monotonic() + 300
        while not list(out.glob("*.json")) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)
        yield process, out
        process.kill()


def test_ctrl_c_on_a_real_process(many_runs):
    process, out = many_runs
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert stdout == "" and "Traceback" not in stderr
    assert stderr.splitlines()[-1].startswith("interrupted: ")
    assert {p.suffix for p in out.iterdir()} <= {".h5", ".json"}


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds processes the Linux way")
def test_a_run_whose_process_is_killed_is_named_in_one_line(many_runs):
    process, out = many_runs
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    workers = [int(c) for c in children if b"spawn_main" in Path(f"/proc/{c}/cmdline").read_bytes()]
    assert len(workers) == 2
    os.kill(workers[0], signal.SIGKILL)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 2, stderr
    last = stderr.splitlines()[-1]
    assert stdout == "" and "Traceback" not in stderr
    assert last.startswith("error: small seed ") and "SIGKILL" in last and "--threads" in last
    assert {p.suffix for p in out.iterdir()} <= {".h5", ".json"}


def test_runs_end_and_clear_up_where_the_command_is_killed(many_runs):
    process, out = many_runs
    process.kill()
    deadline = time.monotonic() + 60
    while {p.suffix for p in out.iterdir()} > {".h5", ".json"} and time.monotonic() < deadline:
        time.sleep(0.05)
    process.communicate(timeout=60)  # its pipes are open for as long as a worker lives
    assert {p.suffix for p in out.iterdir()} <= {".h5", ".json"}


@pytest.mark.skipif(os.name != "posix", reason="limits file sizes the POSIX way")
def test_a_full_disk_is_one_line_and_leaves_earlier_runs(done, tmp_path):
    """A limit on file size stands in for a full disk: the same failed write."""
    _, config, _ = done
    script = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)); "
        "from spikewhen.experiments.cli.app import main; main()"
    )
    command = [sys.executable, "-c", script, "run", str(config), "--seed", "9", "--out", str(tmp_path)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.startswith("error: small seed 9 ") and len(ended.stderr.splitlines()) == 1
    assert f"{tmp_path}" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert small.files(tmp_path) == []


def test_a_run_does_not_wait_for_scipy_and_matplotlib():
    """Half of the start-up was SciPy, which only scores and tables need."""
    code = (
        "import sys, spikewhen.experiments.cli.app, spikewhen.experiments.batch;"
        "import spikewhen.experiments.jobs, spikewhen.reservoir.backends;"
        "late = 'scipy.linalg', 'scipy.stats', 'scipy.optimize', 'matplotlib';"
        "print([m for m in late if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_linear_algebra_runs_on_one_thread_unless_asked():
    code = (
        "import os, sys; from spikewhen.experiments.cli.app import main; assert 'numpy' not in sys.modules;"
        "sys.argv = ['spikewhen', 'config', 'list']\ntry: main()\nexcept SystemExit: pass\n"
        "print(os.environ['OPENBLAS_NUM_THREADS'], os.environ['MKL_NUM_THREADS'])"
    )
    plain = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    for given, expected in (({}, "1 1"), ({"MKL_NUM_THREADS": "2"}, "1 2")):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=plain | given
        )
        assert done.stdout.splitlines()[-1] == expected
