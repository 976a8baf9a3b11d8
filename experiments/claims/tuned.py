"""The rules of the factorial, each tuned with the same budget on the search seeds (docs/search.md)."""

from __future__ import annotations

from typing import Any

from experiments.claims.rules import changed, local, merged
from experiments.claims.shared import rls

CELLS: dict[str, Any] = {
    "local_factored_gate": local(),
    "local_factored_none": changed(local(), gate={"kind": "none"}),
    "local_merged_gate": merged(local()),
    "local_merged_none": merged(local(), kind="none"),
    "rls_factored_gate": rls(20.0),
    "rls_factored_none": changed(rls(20.0), gate={"kind": "none"}),
    "rls_merged_gate": merged(rls(20.0)),
    "rls_merged_none": merged(rls(20.0), kind="none"),
}
MEMORIES: dict[str, Any] = {f"rls_memory_{n}": rls(float(n)) for n in (5, 10, 20, 50, 100)}
