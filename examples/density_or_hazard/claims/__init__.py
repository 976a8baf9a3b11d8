"""The claims of the study, which share one way to measure and judge."""
