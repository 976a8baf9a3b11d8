"""A small study to begin with: copied by `spikewhen study new`."""
