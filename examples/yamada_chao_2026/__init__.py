"""Yamada & Chao 2026 as a study: its claims, its figures and the search behind its network."""
