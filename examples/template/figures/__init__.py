"""The figures of the study: one figure, one file; they read results and simulate nothing."""
