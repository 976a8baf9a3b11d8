"""Run with ``python -m spikewhen``: the command `spikewhen`."""

import signal


def main() -> None:
    """Entry point."""
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C while modules are imported: no traceback
    from spikewhen.experiments.cli.app import main as command

    if listens:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    command()


if __name__ == "__main__":
    main()
