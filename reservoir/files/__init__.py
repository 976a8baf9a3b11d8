"""Result files: their layout, how they are written whole, and how they are read."""
