"""The command `spikewhen`."""
