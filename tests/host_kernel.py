"""What tests of the GPU kernel need: a C++ compiler for the host, NVRTC from its wheel."""

import shutil
import sys

import pytest

needs_compiler = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("g++") is None,
    reason="the GPU kernel runs on the host where there is g++, on Linux (apt install g++); .ci/run insists",
)
needs_nvrtc = pytest.mark.skipif(sys.platform != "linux", reason="NVRTC's wheel is for Linux")
