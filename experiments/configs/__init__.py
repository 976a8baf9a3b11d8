"""The package of configs that ship with the simulator."""
