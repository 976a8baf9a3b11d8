"""Learning what, when and how likely in spiking networks."""

from pathlib import Path as _Path

_ROOT = _Path(__file__).resolve().parent.parent
if (_ROOT / "reservoir" / "types.py").is_file() and (_ROOT / "pyproject.toml").is_file():
    __path__.append(str(_ROOT))  # a checkout keeps the packages beside this folder, not inside it
