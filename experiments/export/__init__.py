"""Results in the formats of other tools: one module per format, which imports its library when it is called.

Cells whose spikes were not recorded stand in no export. Where a format has no way to leave a cell out,
a run that did not record all cells is refused, since a cell without spikes would look silent.
"""
