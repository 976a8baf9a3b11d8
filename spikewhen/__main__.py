"""Run with ``python -m spikewhen``: the command `spikewhen`."""

from spikewhen.experiments.cli.app import main

if __name__ == "__main__":
    main()
