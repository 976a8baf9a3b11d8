"""The claims of the article, each tested on many seeds: one claim, one file."""
