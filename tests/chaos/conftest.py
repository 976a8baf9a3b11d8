"""What several harnesses share."""

import pytest
import tiny


@pytest.fixture(scope="session")
def config(tmp_path_factory):
    """The tiny config."""
    return tiny.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def right(config):
    """The result files of seeds 0 to 3, undisturbed."""
    out = config.parent / "right"
    assert tiny.run(config, out, "0-3").exit_code == 0
    return tiny.results(out)
