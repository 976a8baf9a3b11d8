"""How fast the simulator is, against what one would use instead and against the machine."""
