"""A SLURM of one node, for tests: munged, slurmctld and slurmd, with all their files in one folder."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "scontrol")

CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={other_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.socket,cred_expire=15
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmdParameters=config_overrides
SlurmdTimeout={lost_s}
ReturnToService=2
KillWait=3
MessageTimeout=60
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=2,bf_interval=2
MpiDefault=none
MaxArraySize=50
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
PartitionName=short Nodes={host} MaxTime=00:01:00 State=UP
"""


def why_not() -> str:
    """Say why no SLURM can be started here; nothing where one can."""
    if missing := [name for name in NEEDED if shutil.which(name) is None]:
        return f"no SLURM: {', '.join(missing)} not installed (Debian: apt-get install slurm-wlm munge)"
    if os.geteuid() != 0:
        return "no SLURM: its daemons are started by root here, and this is another user"
    return ""


@dataclass
class Node:
    """The running daemons."""

    folder: Path
    daemons: dict[str, subprocess.Popen] = field(default_factory=dict)

    @property
    def conf(self) -> Path:
        return self.folder / "slurm.conf"

    def start(self, name: str) -> None:
        """Start a daemon, in a session of its own."""
        words = {
            "munged": [
                *("munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket"),
                *(f"--key-file={self.folder}/munge.key", f"--pid-file={self.folder}/munged.pid"),
                *(f"--log-file={self.folder}/munged.log", f"--seed-file={self.folder}/munge.seed"),
            ],
            "slurmctld": ["slurmctld", "-D", "-f", str(self.conf)],
            "slurmd": ["slurmd", "-D", "-f", str(self.conf)],
        }
        with (self.folder / f"{name}.said").open("ab") as said:
            self.daemons[name] = subprocess.Popen(
                words[name], stdout=said, stderr=said, stdin=subprocess.DEVNULL, start_new_session=True
            )

    def stop(self, name: str) -> None:
        """Stop a daemon; what slurmd started goes on."""
        daemon = self.daemons.pop(name)
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(20)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

    def ask(self, *words: str) -> str:
        """Ask a command of SLURM."""
        done = subprocess.run(
            words, capture_output=True, text=True, env=os.environ | {"SLURM_CONF": str(self.conf)}
        )
        return done.stdout

    def await_state(self, state: str, seconds: float = 60.0) -> None:
        """Wait until the node is in a state."""
        until = time.monotonic() + seconds
        while state not in (found := self.ask("sinfo", "-h", "-o", "%T", "-p", "main").split()):
            if time.monotonic() > until:
                logs = "\n".join(p.read_text(errors="replace")[-1500:] for p in self.folder.glob("*.log"))
                raise TimeoutError(f"the node is {found}, not {state}\n{logs}")
            time.sleep(0.2)


@contextmanager
def slurm_node(folder: Path, lost_s: int = 300) -> Iterator[Node]:
    """Start the daemons, and stop them in the end, with all jobs.

    Parameters
    ----------
    folder : Path
        For all their files.
    lost_s : int
        After how many seconds without its daemon the node is taken for lost.
    """
    node = Node(folder)
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(64))
    key.chmod(0o600)
    host = socket.gethostname().split(".")[0]
    node.conf.write_text(
        CONF.format(folder=folder, host=host, lost_s=lost_s, port=_free_port(), other_port=_free_port())
    )
    before = os.environ.get("SLURM_CONF")
    os.environ["SLURM_CONF"] = str(node.conf)
    try:
        for name in ("munged", "slurmctld", "slurmd"):
            node.start(name)
            if name == "munged":
                _await(folder / "munge.socket")
        node.await_state("idle")
        yield node
    finally:
        node.ask("scancel", "-u", "root")
        node.ask("scancel", "--signal=KILL", "-u", "root")
        for name in ("slurmd", "slurmctld", "munged"):
            if name in node.daemons:
                node.stop(name)
        if before is None:
            del os.environ["SLURM_CONF"]
        else:
            os.environ["SLURM_CONF"] = before


def _await(path: Path) -> None:
    until = time.monotonic() + 20
    while not path.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{path} does not come")
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


if __name__ == "__main__":  # python tests/slurm_node.py FOLDER, until Ctrl-C
    if why_not():
        sys.exit(why_not())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have had it ignored
    with suppress(KeyboardInterrupt), slurm_node(Path(sys.argv[1]).absolute()) as running:
        print(f"export SLURM_CONF={running.conf}", flush=True)
        signal.pause()
