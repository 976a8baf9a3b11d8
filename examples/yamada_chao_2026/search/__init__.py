"""The search for the shipped parameters: what was tried, by which score, on search seeds only."""
