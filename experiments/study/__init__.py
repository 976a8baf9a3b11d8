"""Studies: folders of claims and figures that are run, measured, judged and drawn."""
