"""Examples that ship with the simulator: whole studies to run, read and copy."""
