"""Studies: folders of claims and figures that are run, measured, judged and drawn."""

FOUND = "claims.json"
"""The file of a folder that holds what a study found."""
