"""The GPU engine. Importing it does not need CuPy."""
