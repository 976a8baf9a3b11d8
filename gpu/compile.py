"""Compiling for a GPU with a call of NVRTC of our own, which needs neither a GPU nor CuPy.

CuPy's own way appends ``-ftz=true``, and NVRTC lets the last option win: subnormal
numbers would become 0 and the bits differ. Here nothing is flushed and nothing
contracted; division and square root are IEEE by default.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import sys
import tempfile
import uuid
from collections.abc import Sequence
from functools import cache
from importlib import util
from pathlib import Path
from typing import NamedTuple

from spikewhen.reservoir.errors import DeviceError
from spikewhen.reservoir.kernel_cache import Turn, tell_once

OPTIONS = ("-std=c++17", "-fmad=false", "-default-device")
REPORT = ("--ptxas-options=-v",)
TOOLKITS = Path("/usr/local")
"""Where NVIDIA's installers put the CUDA toolkit, as cuda or cuda-13.0."""
NEEDED = "pip install 'spikewhen[gpu]' (NVIDIA's wheel nvidia-cuda-nvrtc-cu12)"


class Usage(NamedTuple):
    """What a kernel takes per thread, from the assembler's log."""

    registers: int
    stack_bytes: int
    spill_bytes: int


def usage(log: str) -> Usage:
    """Read registers, stack and spills of the kernel from the assembler's log.

    Raises
    ------
    ValueError
        If the log does not say.
    """
    registers = re.search(r"Used (\d+) registers", log)
    frame = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", log)
    if not (registers and frame):
        raise ValueError(f"no use of registers in the assembler's log: {log!r}")
    return Usage(int(registers[1]), int(frame[1]), int(frame[2]) + int(frame[3]))


class Compiled(NamedTuple):
    """The files of a compiled kernel."""

    path: Path  # of the cubin
    ptx: str
    log: str


def cache_folder() -> Path:
    """Return the folder of compiled kernels, in ``SPIKEWHEN_CACHE_DIR`` or else ``~/.cache/spikewhen``."""
    root = os.environ.get("SPIKEWHEN_CACHE_DIR") or Path.home() / ".cache" / "spikewhen"
    folder = Path(root) / "kernels"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def library_places() -> list[str]:
    """Return where NVRTC is looked for, in order; names without a folder are the loader's."""
    places: list[Path] = []
    for package in ("nvidia.cuda_nvrtc", "nvidia.cu13"):  # wheels for CUDA 12, and for CUDA 13
        spec = util.find_spec(package) if util.find_spec("nvidia") else None
        for folder in (spec.submodule_search_locations or []) if spec else []:
            places += sorted(Path(folder, "lib").glob("libnvrtc.so.*"))
            places += sorted(Path(folder, "bin").glob("**/nvrtc64_*_0.dll"))
    places += sorted(Path(sys.prefix, "lib").glob("libnvrtc.so.*"))  # conda's
    system = [p for lib in ("lib64", "lib") for p in sorted(TOOLKITS.glob(f"cuda*/{lib}/libnvrtc.so.*"))]
    return [*map(str, places), "libnvrtc.so.12", "libnvrtc.so.13", "libnvrtc.so", *map(str, system)]


@cache
def _library() -> ctypes.CDLL:
    """Load NVRTC: from NVIDIA's wheels, or wherever the system finds it."""
    for place in library_places():
        try:
            library = ctypes.CDLL(place)
        except OSError:
            continue
        library.nvrtcGetErrorString.restype = ctypes.c_char_p
        return library
    raise DeviceError(f"NVRTC is not installed; {NEEDED}")


def nvrtc_version() -> tuple[int, int]:
    """Version of the compiler.

    Raises
    ------
    DeviceError
        If it is not installed; says how to mend that.
    """
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(_library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return major.value, minor.value


def _check(code: int) -> None:
    if code:
        raise DeviceError(f"NVRTC: {_library().nvrtcGetErrorString(code).decode()}")


def compile_for_gpu(source: str, architecture: str) -> Compiled:
    """Compile a kernel's source, or find it in the cache.

    Parameters
    ----------
    source : str
    architecture : str
        As ``sm_90``.

    Raises
    ------
    DeviceError
        With the compiler's log.
    """
    options = (f"-arch={architecture}", *OPTIONS, *REPORT)
    key = hashlib.sha256(repr((source, options, nvrtc_version())).encode()).hexdigest()[:32]
    try:
        folder = cache_folder()
        paths = _paths(folder, key)
        if not _whole(paths):
            with Turn(paths[0]):  # another process may be at it
                if not _whole(paths):
                    _keep(paths, _compile(source, options))
    except OSError as error:
        tell_once(f"kernel cache: nothing can be kept ({error}); SPIKEWHEN_CACHE_DIR names another folder")
        paths = _paths(Path(tempfile.mkdtemp(prefix="spikewhen-")), key)
        _keep(paths, _compile(source, options))
    ptx, log, cubin, _ = paths
    return Compiled(cubin, ptx.read_text(), log.read_text())


def _paths(folder: Path, key: str) -> list[Path]:
    return [folder / f"{key}{suffix}" for suffix in (".ptx", ".log", ".cubin", ".sha256")]


def _keep(paths: list[Path], made: Sequence[bytes]) -> None:
    """Write the files of a kernel, each whole, and last the digest without which they are not believed."""
    digest = hashlib.sha256(b"".join(made)).hexdigest().encode()
    for path, data in zip(paths, (*made, digest), strict=True):
        other = path.with_suffix(f"{path.suffix}.{uuid.uuid4().hex[:16]}")
        try:
            other.write_bytes(data)
            other.replace(path)
        except OSError:
            other.unlink(missing_ok=True)
            raise


def _whole(paths: list[Path]) -> bool:
    """Whether a kernel is there as it was written; a damaged one is told, and is to be compiled again."""
    *files, digest = paths
    if not digest.exists():
        return False
    try:
        found = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest().encode()
        if found == digest.read_bytes():
            return True
    except OSError:
        pass
    tell_once(f"kernel cache: {files[-1]} cannot be used (its digest does not fit); compiled again")
    return False


def _compile(source: str, options: tuple[str, ...]) -> tuple[bytes, bytes, bytes]:
    library, program = _library(), ctypes.c_void_p()
    _check(library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None))
    try:
        given = (ctypes.c_char_p * len(options))(*[o.encode() for o in options])
        code = library.nvrtcCompileProgram(program, len(options), given)
        log = _text(library, program, "ProgramLog")
        if code:
            raise DeviceError(f"NVRTC refuses the kernel: {log.decode(errors='replace')}")
        return _text(library, program, "PTX"), log, _text(library, program, "CUBIN")
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _text(library: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _check(getattr(library, f"nvrtcGet{what}Size")(program, ctypes.byref(size)))
    text = ctypes.create_string_buffer(size.value)
    _check(getattr(library, f"nvrtcGet{what}")(program, text))
    return text.raw if what == "CUBIN" else text.raw.rstrip(b"\0")
