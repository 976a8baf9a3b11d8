"""The claims of the study: one claim, one file."""
