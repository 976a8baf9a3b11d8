"""Exports come back as they went: every recorded spike, no cell that was not recorded, nothing invented."""

from __future__ import annotations

import numpy as np
import pytest
import small

from spikewhen.experiments.config import load_config
from spikewhen.experiments.result import open_run
from spikewhen.experiments.run import run
from spikewhen.reservoir.errors import InputError

RECORDED = 40
"""Of 60 cells."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A run in its file, which kept the spikes of some cells."""
    config = load_config(small.table(), ("record.spike_subset=40", "health.silent_max=1.0"))
    path = run(config, seed=1000, out=tmp_path_factory.mktemp("export"), progress=False).path
    with open_run(path) as result:
        yield result


@pytest.fixture
def spikes(kept):
    """Times in seconds by recorded cell."""
    found = {int(cell): kept.spikes.of(cell) / 1000 for cell in kept.spikes.recorded}
    assert len(found) == RECORDED and sum(map(len, found.values())) > 50
    assert any(len(times) == 0 for times in found.values()), "the run has to have a recorded silent cell"
    return found


def test_nwb_comes_back_with_units_trials_and_nothing_invented(kept, spikes, tmp_path):
    pynwb = pytest.importorskip("pynwb", reason="extra export")
    path = kept.to_nwb(tmp_path / "run.nwb", experimenter="A. Person")
    with pynwb.NWBHDF5IO(path, "r") as io:
        file = io.read()
        assert file.identifier == kept.run_id and file.experimenter == ("A. Person",)
        assert not file.electrodes and not file.devices and file.subject is None
        units = file.units
        assert units["cell"].data[:].tolist() == list(spikes)
        for i, times in enumerate(spikes.values()):
            np.testing.assert_array_equal(units.get_unit_spike_times(i), times)
        assert units.get_unit_obs_intervals(0).tolist() == [[0.0, kept.spikes.duration_ms / 1000]]
        trials = file.trials.to_dataframe()
        assert trials["event"].tolist() == [x or "none" for x in kept.trials["event"]]
        assert (trials["start_time"] <= trials["cue_time"]).all()
        assert (trials["stop_time"].to_numpy()[:-1] <= trials["start_time"].to_numpy()[1:]).all()
        said = file.processing["predictions"]["prediction_rls"]
        values = kept["/readouts/rls/trials/prediction"]
        np.testing.assert_array_equal(said.data[:], values[np.isfinite(values).all(-1)])
        probes = file.processing["probes"]["probe_trials"]
        time_ms, cell = kept.spikes.probe(1)
        np.testing.assert_array_equal(probes["spike_times_after_cue"][1], time_ms / 1000)
        np.testing.assert_array_equal(probes["spike_cells"][1], cell)
    with pytest.raises(InputError, match="new file"):
        kept.to_nwb(path)


def test_the_inspector_misses_a_subject_alone_in_the_nwb_file(kept, tmp_path):
    pytest.importorskip("pynwb", reason="extra export")
    inspector = pytest.importorskip("nwbinspector", reason="extra dev")
    path = kept.to_nwb(tmp_path / "run.nwb")
    found = list(inspector.inspect_nwbfile(nwbfile_path=path))
    told = {m.check_function_name for m in found if m.importance.name != "BEST_PRACTICE_SUGGESTION"}
    assert told == {"check_subject_exists"}, found  # a simulation has none, and none is invented


def test_neo_comes_back_with_a_train_for_every_recorded_cell(kept, spikes):
    pytest.importorskip("neo", reason="extra export")
    block = kept.to_neo(probes=True)
    run, *probes = block.segments
    assert [train.annotations["cell"] for train in run.spiketrains] == list(spikes)
    for train, times in zip(run.spiketrains, spikes.values(), strict=True):
        np.testing.assert_array_equal(train.rescale("s").magnitude, times)
        assert float(train.t_stop.rescale("ms")) == kept.spikes.duration_ms
    assert len(run.epochs[0]) == len(kept.trials["block"]) and len(probes) == len(kept.probes["block"])
    time_ms, _ = kept.spikes.probe(0)
    assert sum(map(len, probes[0].spiketrains)) == time_ms.size


def test_pynapple_has_silent_cells_and_lacks_unrecorded_ones(kept, spikes):
    pytest.importorskip("pynapple", reason="extra export")
    group, trials, said = kept.to_pynapple()
    assert list(group.keys()) == list(spikes)
    for cell, times in spikes.items():
        np.testing.assert_allclose(group[cell].times(), times, rtol=0, atol=1e-9)
    duration = kept.spikes.duration_ms / 1000
    rates = [len(times) / duration for times in spikes.values()]
    np.testing.assert_allclose(group.rates, rates)
    assert len(trials) == len(kept.trials["block"]) and list(trials["block"]) == list(kept.trials["block"])
    assert list(said["local"].columns) == list(kept.events)


def test_xarray_names_the_dimensions_of_a_run(kept):
    pytest.importorskip("xarray", reason="extra export")
    data = kept.to_xarray()
    assert data["probe_prediction"].dims == ("rule", "probe", "time", "event")
    chosen = data["probe_prediction"].sel(rule="rls", event="B").isel(probe=1)
    np.testing.assert_array_equal(chosen, kept.readout("rls").prediction["B"][1])
    assert int(data["rate_hz"].notnull().sum()) == RECORDED
    assert data["trial_event"].values.tolist() == [x or "none" for x in kept.trials["event"]]


def test_xarray_opens_a_result_file_with_its_names(kept):
    xarray = pytest.importorskip("xarray", reason="extra export")
    from spikewhen.experiments.export.xarray_engine import Engine

    assert Engine().guess_can_open(str(kept.path)) and not Engine().guess_can_open(__file__)
    assert xarray.open_dataset(kept.path, engine=Engine).identical(kept.to_xarray())
    group = xarray.open_dataset(kept.path, engine=Engine, group="/readouts/local/probes")
    assert group["y"].dims == ("probe", "time", "event") and group["time"].attrs["units"] == "ms"
    assert xarray.open_dataset(kept.path, engine=Engine, group="weights/local")["w"].dims[0] == "moment"
    with pytest.raises(InputError, match="one of"):
        xarray.open_dataset(kept.path, engine=Engine, group="/nothing")


def test_every_group_of_a_file_can_be_opened_by_xarray(kept):
    pytest.importorskip("xarray", reason="extra export")
    from spikewhen.experiments.export.xarray import group_dataset

    for group in sorted({path.rpartition("/")[0] for path in kept} - {""}):
        found = group_dataset(kept, group)
        assert set(found.sizes) and len(found.data_vars), group


def test_sonata_refuses_a_run_that_did_not_record_all_cells(kept, tmp_path):
    with pytest.raises(InputError, match="40 of 60"):
        kept.to_sonata(tmp_path / "spikes.h5")
    assert not list(tmp_path.iterdir())


def test_libsonata_reads_the_spikes(tmp_path):
    libsonata = pytest.importorskip("libsonata", reason="extra export")
    config = load_config(small.table(), ('record.spikes="all"', "record.geometry=false"))
    result = run(config.with_rules(["local"]), seed=1000, scores=False, progress=False)
    population = libsonata.SpikeReader(str(result.to_sonata(tmp_path / "spikes.h5")))["reservoir"]
    found = population.get()
    assert population.sorting == "by_time"
    assert [node for node, _ in found] == result.spikes.cell.tolist()
    np.testing.assert_array_equal([time for _, time in found], result.spikes.time_ms)


def test_pandas_has_a_row_for_every_cell_and_no_rate_where_none_is_known(kept):
    pytest.importorskip("pandas", reason="extra export")
    frames = kept.to_frames()
    assert list(frames) == ["spikes", "cells", "trials", "probes", "scores"]
    cells = frames["cells"]
    assert len(cells) == 60 and cells["recorded"].sum() == RECORDED
    assert (cells["rate_hz"].isna() == ~cells["recorded"]).all()
    assert len(frames["spikes"]) == kept.spikes.time_ms.size


def test_a_missing_library_is_named_with_what_to_install(kept, monkeypatch):
    import importlib

    def nothing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", nothing)
    with pytest.raises(InputError, match=r"neo.*not installed.*spikewhen\[export\]"):
        kept.to_neo()
