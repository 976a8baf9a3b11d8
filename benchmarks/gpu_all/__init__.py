"""Everything about the GPU that only a card can settle, in one command of minutes: ``make gpu-all``."""
