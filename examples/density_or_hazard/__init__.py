"""A study: which of two switches decides whether a readout expects by the density or by the hazard."""
