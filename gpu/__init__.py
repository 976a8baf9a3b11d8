"""The GPU backend. Importing it needs no CuPy."""
