"""Result files: the same bytes twice, whole or absent, and refused in one line when damaged or hostile."""

import fcntl
import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from lively import equal, make_trainer, short_meet
from sealing import sealed

from spikewhen.reservoir.errors import InputError
from spikewhen.reservoir.files import schema, sinks
from spikewhen.reservoir.files.integrity import BLOCK, seal
from spikewhen.reservoir.files.recording import Recording, read_run, run_id
from spikewhen.reservoir.files.schema import SCHEMA_VERSION
from spikewhen.reservoir.files.sinks import FileSink, MemorySink, chunk_shape
from spikewhen.reservoir.files.static import write_static

CONFIG = {
    "paradigm": {"name": "meet"},
    "rules": {"local": {"rule": "three_factor"}},
    "network": {"feedback_pa": 0.0},
    "record": {"spikes": "all"},
    "seed": 0,
    "seeds": {"task": 0},
}


def stamp(sink) -> None:
    """What an experiment adds to a run: identity, config, versions, log."""
    sink.annotate("/", schema_version=SCHEMA_VERSION, numerics_version=1, run_id=run_id(CONFIG))
    for name, value in (("config", CONFIG), ("software", {"numpy": "2"})):
        sink.put(f"/{name}", np.frombuffer(json.dumps(value).encode(), np.uint8), "1")
    sink.put(schema.WARNINGS, np.zeros(0, np.uint8), "1")


def write_run(path: Path, **options) -> Path:
    sink = FileSink(path)
    stamp(sink)
    train_into(sink, **options)
    sink.commit()
    return path


def train_into(sink, **options):
    trainer = make_trainer(short_meet(trials_per_block=2, probes_after=(2,)), sink=sink, **options)
    write_static(sink, trainer.network, trainer.session, trainer.onsets_ms())
    trainer.run()


@pytest.fixture(scope="module")
def result(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("results") / "abc.h5")


def refusal(path) -> str:
    """The one line in which a file is refused."""
    with pytest.raises(InputError) as caught:
        read_run(path)
    line = str(caught.value)
    assert str(path) in line and "\n" not in line and len(line) < 1000
    return line


def test_equal_runs_give_equal_bytes(result, tmp_path):
    again = write_run(tmp_path / "other_name.h5")
    assert again.read_bytes() == result.read_bytes()


def test_another_seed_gives_other_bytes(result, tmp_path):
    other = write_run(tmp_path / "abc.h5", task_seed=1)
    assert other.read_bytes() != result.read_bytes()


def test_what_is_read_back_equals_what_was_kept_in_memory(result):
    sink = MemorySink()
    stamp(sink)
    train_into(sink)
    recording = read_run(result)
    assert equal(recording, sink.recording)
    assert recording[schema.spikes("reservoir", "step")].size > 100
    assert recording.config == CONFIG and recording.software == {"numpy": "2"}
    assert recording.run_id == run_id(CONFIG) and recording.labels == ["local"]
    assert schema.spikes("probes", "probe") in recording and "/nothing" not in recording


def test_equality_notices_one_bit(result):
    a, b = read_run(result), read_run(result)
    assert equal(a, b)
    b.arrays[schema.trial("onset_ms")] = b[schema.trial("onset_ms")].copy()
    b.arrays[schema.trial("onset_ms")][0] = np.nextafter(b[schema.trial("onset_ms")][0], 1e9)
    assert not equal(a, b)
    c = read_run(result)
    c.attrs[schema.spikes("reservoir")]["subset"] = "none"
    assert not equal(a, c)
    assert not equal(a, Recording())


def test_a_file_opens_in_plain_h5py(result):
    with h5py.File(result, "r") as file:
        data = []
        file.visititems(lambda name, node: data.append(node) if isinstance(node, h5py.Dataset) else None)
        assert len(data) > 40
        for d in data:
            assert d.ndim > 0 and isinstance(d.attrs["units"], str), d.name
            assert d.compression == "gzip" and d.shuffle and d.fletcher32, d.name
        assert dict(file.attrs)["schema_version"] == SCHEMA_VERSION
        assert json.loads(bytes(file["config"][:])) == CONFIG
        assert file["readouts/local"].attrs["rule"] == "three_factor"
        n = file["network/cell_type"].shape[0]
        assert file["network/synapses/indptr"].shape == (n + 1,)
        assert file["weights/local/w"].shape == (2, 2, n + 1)


def test_a_run_id_is_a_hash_of_the_config_whatever_its_order():
    a = run_id({"a": 1, "b": {"c": 0.1, "d": None}})
    assert a == run_id({"b": {"d": None, "c": 0.1}, "a": 1})
    assert len(a) == 16 and int(a, 16) >= 0
    assert a != run_id({"a": 2, "b": {"c": 0.1, "d": None}})
    text = '{"a":1,"b":{"c":0.1,"d":null}}'
    assert a == hashlib.sha256(text.encode()).hexdigest()[:16]
    with pytest.raises(ValueError):
        run_id({"a": float("nan")})


@pytest.mark.parametrize("make", [FileSink, lambda path: MemorySink()], ids=["file", "memory"])
def test_sinks_take_rows_in_pieces(make, tmp_path):
    sink = make(tmp_path / "x.h5")
    sink.annotate("/", schema_version=SCHEMA_VERSION)
    sink.create("/a/grows", (0, 2), np.int64, "1")
    sink.create("/a/fixed", (4, 3), np.float32, "mV")
    for i in range(4):
        sink.append("/a/grows", np.full((i, 2), i))
        sink.write("/a/fixed", i, np.full((1, 3), i, np.float32))
    sink.annotate("/a", flags=np.array([1, 2]), word="x")
    if isinstance(sink, FileSink):
        sink.commit()
        with h5py.File(tmp_path / "x.h5") as file:
            arrays = {f"/a/{name}": file["a"][name][()] for name in ("grows", "fixed")}
            flags, word = file["a"].attrs["flags"].tolist(), file["a"].attrs["word"]
            units = file["a/fixed"].attrs["units"]
    else:
        arrays, attrs = sink.recording.arrays, sink.recording.attrs
        (flags, word), units = attrs["/a"].values(), attrs["/a/fixed"]["units"]
    assert arrays["/a/grows"].tolist() == [[i, i] for i in (1, 2, 2, 3, 3, 3)]
    assert arrays["/a/fixed"].tolist() == [[i] * 3 for i in range(4)]
    assert (flags, word, units) == ([1, 2], "x", "mV")


# whole or absent


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_commit_leaves_the_result_alone_in_its_folder(tmp_path):
    write_run(tmp_path / "abc.h5")
    assert names(tmp_path) == ["abc.h5"]


def test_before_commit_there_is_no_result_and_abort_leaves_nothing(tmp_path):
    sink = FileSink(tmp_path / "abc.h5")
    stamp(sink)
    assert "abc.h5" not in names(tmp_path)
    sink.abort()
    assert names(tmp_path) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from test_recording_files import stamp, train_into
from spikewhen.reservoir.files.sinks import FileSink
sink = FileSink(Path(sys.argv[1]))
stamp(sink)
seen = 0
append = sink.append
def dying(path, rows):
    global seen
    append(path, rows)
    seen += 1
    if seen == int(sys.argv[2]):
        sink._file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
sink.append = dying
train_into(sink)
sink.commit()
"""


@pytest.mark.parametrize("when", [1, 9])
def test_a_killed_run_leaves_no_result_and_the_next_one_succeeds(result, tmp_path, when):
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path / "abc.h5"), str(when)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(here), *map(str, here.parents[:2])])},
        capture_output=True,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert "abc.h5" not in names(tmp_path) and "abc.partial" in names(tmp_path)
    write_run(tmp_path / "abc.h5")
    assert names(tmp_path) == ["abc.h5"]
    assert (tmp_path / "abc.h5").read_bytes() == result.read_bytes()


def hold(path, ready, release):
    sink = FileSink(path)
    ready.set()
    release.wait(30)
    sink.abort()


def test_of_two_processes_that_write_one_file_the_second_refuses(tmp_path):
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    first = context.Process(target=hold, args=(tmp_path / "abc.h5", ready, release))
    first.start()
    try:
        assert ready.wait(60)
        with pytest.raises(InputError, match="no other process is writing"):
            FileSink(tmp_path / "abc.h5")
        FileSink(tmp_path / "other.h5").abort()
    finally:
        release.set()
        first.join(30)
    assert first.exitcode == 0
    FileSink(tmp_path / "abc.h5").abort()
    assert names(tmp_path) == []


def test_a_lock_that_was_removed_meanwhile_is_no_lock(tmp_path, monkeypatch):
    """The first writer removes its lock file between the second's open and its flock."""
    flock, first = fcntl.flock, FileSink(tmp_path / "abc.h5")

    def late(handle, how):
        monkeypatch.setattr(fcntl, "flock", flock)
        first.abort()
        third.append(FileSink(tmp_path / "abc.h5"))
        flock(handle, how)

    third: list[FileSink] = []
    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(InputError, match="no other process is writing"):
        FileSink(tmp_path / "abc.h5")
    third[0].abort()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
def test_a_folder_without_permission_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"--out = .*: a writable folder"):
        FileSink(tmp_path / "abc.h5")


def test_a_folder_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"--out = .*: a writable folder"):
        FileSink(tmp_path / "file" / "abc.h5")


# damaged files


def test_a_damaged_byte_is_noticed_or_harmless(result, tmp_path):
    """In every data set and over the whole file; never a different recording."""
    whole = read_run(result)
    raw = result.read_bytes()
    places = set(np.linspace(0, len(raw) - 1, 60).astype(int).tolist())
    with h5py.File(result, "r") as file:

        def chunks(_, node):
            if isinstance(node, h5py.Dataset) and node.id.get_num_chunks():
                info = node.id.get_chunk_info(0)
                places.add(info.byte_offset + info.size // 2)

        file.visititems(chunks)
        n_data = len(places) - 60
    path = tmp_path / "damaged.h5"
    noticed = 0
    for place in sorted(places):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 0x41]) + raw[place + 1 :])
        try:
            assert equal(read_run(path), whole), f"read wrong after damage at byte {place}"
        except InputError as error:
            assert "\n" not in str(error)
            noticed += 1
    assert n_data > 30 and noticed == len(places)


def test_a_file_without_its_checksum_is_refused(result, tmp_path):
    raw = bytearray(result.read_bytes())
    assert raw[:17] == b"spikewhen result;"
    raw[60] ^= 1  # in the checksum itself
    path = tmp_path / "other.h5"
    path.write_bytes(raw)
    assert "its checksum is another" in refusal(path)
    path.write_bytes(raw[512:])
    assert "no checksum in front" in refusal(path)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.999])
def test_a_truncated_file_is_refused(result, tmp_path, share):
    path = tmp_path / "short.h5"
    raw = result.read_bytes()
    path.write_bytes(raw[: int(share * len(raw))])
    refusal(path)


def test_a_text_file_a_folder_and_a_missing_file_are_refused(tmp_path):
    path = tmp_path / "text.h5"
    path.write_text("not a result\n" * 100)
    assert "an undamaged HDF5 result file" in refusal(path)
    assert "no such file" in refusal(tmp_path / "missing.h5")
    (tmp_path / "folder.h5").mkdir()
    refusal(tmp_path / "folder.h5")


def test_a_foreign_hdf5_file_is_refused(tmp_path):
    path = tmp_path / "foreign.h5"
    with sealed(path, "w") as file:
        file["x"] = np.arange(3)
    assert f"a result file of version {SCHEMA_VERSION}" in refusal(path)


@pytest.mark.parametrize("version", [0, 2, 5, "4", [4, 4], 4.5])
def test_another_schema_version_is_refused(tmp_path, version):
    path = tmp_path / "new.h5"
    with sealed(path, "w") as file:
        file.attrs["schema_version"] = version
    assert f"a result file of version {SCHEMA_VERSION}" in refusal(path)


def test_a_file_of_the_old_name_is_refused_by_its_version_not_as_damaged(tmp_path):
    path = tmp_path / "old.h5"
    path.write_bytes(b"whatwhen result; SHA-256 of what follows".ljust(512, b"\0") + b"HDF5")
    assert "schema_version 2" in refusal(path) and "run the config again" in refusal(path)


# hostile files


@pytest.fixture
def hostile(tmp_path):
    """A file of the right version to spoil; the secret is beside it."""
    with h5py.File(tmp_path / "secret.h5", "w") as file:
        file["secret"] = np.arange(8)
    (tmp_path / "secret.bin").write_bytes(b"secret" * 100)
    with h5py.File(tmp_path / "hostile.h5", "w", userblock_size=BLOCK) as file:
        file.attrs["schema_version"] = SCHEMA_VERSION
        file.create_group("spikes")
        yield file, tmp_path


def closed_refusal(file) -> str:
    path = Path(file.filename)
    file.close()
    with open(path, "r+b", buffering=0) as raw:
        seal(raw)
    return refusal(path)


def test_external_links_are_refused(hostile):
    file, folder = hostile
    file["spikes/x"] = h5py.ExternalLink(str(folder / "secret.h5"), "/secret")
    assert "/spikes/x': hard links only" in closed_refusal(file)


def test_soft_links_are_refused(hostile):
    file, _ = hostile
    file["real"] = np.arange(3)
    file["spikes/x"] = h5py.SoftLink("/real")
    assert "hard links only" in closed_refusal(file)


def test_groups_behind_links_are_refused(hostile):
    """A link in the middle of a path, not at its end."""
    file, folder = hostile
    file["a"] = h5py.ExternalLink(str(folder / "secret.h5"), "/")
    assert "/a': hard links only" in closed_refusal(file)


def test_a_group_that_contains_itself_is_refused(hostile):
    file, _ = hostile
    file["spikes/again"] = file["spikes"]
    closed_refusal(file)


def test_external_storage_is_refused(hostile):
    file, folder = hostile
    file.create_dataset("x", (600,), np.uint8, external=[(str(folder / "secret.bin"), 0, 600)])
    assert "data inside the file itself" in closed_refusal(file)


def test_virtual_data_is_refused(hostile):
    file, folder = hostile
    layout = h5py.VirtualLayout((8,), np.int64)
    layout[:] = h5py.VirtualSource(str(folder / "secret.h5"), "secret", (8,))
    file.create_virtual_dataset("x", layout)
    assert "data inside the file itself" in closed_refusal(file)


@pytest.mark.parametrize("chunks", [None, (2**20,)])
def test_a_claim_of_seven_tebibytes_is_refused_before_it_is_allocated(hostile, chunks):
    file, _ = hostile
    file.create_dataset("x", (7 * 2**40,), np.uint8, chunks=chunks)
    start = time.monotonic()
    assert f"x claims {7 * 2**40} bytes" in closed_refusal(file)
    assert time.monotonic() - start < 60  # allocated, it would take far longer or fail otherwise


def test_text_and_objects_are_refused(hostile):
    file, _ = hostile
    file["x"] = ["a", "b"]
    assert "numbers and bytes only" in closed_refusal(file)


@pytest.mark.parametrize("kind", ["time", "bitfield", "opaque"])
def test_types_without_a_numpy_equivalent_are_refused(hostile, kind):
    file, _ = hostile
    types = {"time": h5py.h5t.UNIX_D32LE, "bitfield": h5py.h5t.STD_B8LE}
    if kind == "opaque":
        made = h5py.h5t.create(h5py.h5t.OPAQUE, 4)
        made.set_tag(b"x")
    else:
        made = types[kind]
    space = h5py.h5s.create_simple((3,))
    h5py.h5d.create(file.id, b"x", made, space)
    path = Path(file.filename)
    file.close()
    try:
        read_run(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert kind != "time", "it cannot be read at all"


# chunks


@pytest.mark.parametrize("shape", [(0, 8192), (0, 2**20), (0, 3, 2**30), (0, 0), (2, 0)])
def test_an_empty_array_of_any_width_is_saved(tmp_path, shape):
    """As the state of the local rule: 8,160 cells were simulated, and could not be saved."""
    sink = FileSink(tmp_path / "a.h5")
    sink.put("/a", np.zeros(shape), "1")
    sink.commit()
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["a"].shape == shape


@pytest.mark.parametrize("shape", [(3, 2**29), (1, 441_000, 32, 32), (2, 2**16, 2**16)])
def test_a_row_of_4_gib_or_more_has_its_place(tmp_path, shape):
    """P of 30,000 cells is one such row; nothing is written here, only its place is made."""
    sink = FileSink(tmp_path / "a.h5")
    sink.create("/a", shape, np.float64, "1")
    assert sink._file["a"].chunks == chunk_shape(shape, 8)
    assert 2**20 < np.prod(chunk_shape(shape, 8), dtype=object) * 8 <= 2**26
    sink.abort()


def test_a_row_that_is_cut_reads_back_whole(tmp_path, monkeypatch):
    monkeypatch.setattr(sinks, "WIDEST_ROW", 400)
    rows = np.random.default_rng(0).random((3, 5, 7, 11))
    sink = FileSink(tmp_path / "a.h5")
    sink.put("/whole", rows, "1")
    sink.create("/later", (0, 5, 7, 11), np.float64, "1")
    sink.append("/later", rows[:2])
    sink.append("/later", rows[2:])
    assert sink._file["whole"].chunks == (1, 1, 4, 11)
    sink.commit()
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["whole"], rows) and np.array_equal(file["later"], rows)


@pytest.mark.parametrize(
    "shape, itemsize, expected",
    [
        ((0,), 8, (65536,)),
        ((0, 1024), 8, (65536, 1024)),
        ((500,), 8, (500,)),
        ((500, 1600, 2), 8, (10, 1600, 2)),
        ((2, 528, 32, 32), 8, (1, 528, 32, 32)),
    ],
)
def test_chunks_of_a_usual_run_stay_what_they_were(shape, itemsize, expected):
    """So that the bytes of a file do."""
    assert chunk_shape(shape, itemsize) == expected
