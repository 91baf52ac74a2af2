"""A SLURM cluster on this machine's loopback: one controller, and two nodes with a fake GPU each."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psutil

from tests.servers import free_port
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[2]
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
CONTROLLER, NODES = "slurmctld", ("n1", "n2")
_START_TAKES_AT_MOST_S = 20
_ATTEMPTS = 3
"""Another process may take a port between our choice and the daemon's bind."""

_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=1,sched_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
GresTypes=gpu
AccountingStorageType=accounting_storage/none
MinJobAge=300
KillWait={kill_wait_s}
ReturnToService=2
SlurmctldTimeout=30
SlurmdTimeout={node_timeout_s}
MpiDefault=none
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} RealMemory=1000 Gres=gpu:1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} RealMemory=1000 Gres=gpu:1
PartitionName=gpu Nodes=n[1-2] Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
PartitionName=short Nodes=n[1-2] MaxTime=1 State=UP OverSubscribe=NO
"""
_GRES = "NodeName=n1 Name=gpu File=/dev/null\nNodeName=n2 Name=gpu File=/dev/zero\n"
"""SLURM sets CUDA_VISIBLE_DEVICES only for character devices."""


def obstacle() -> str | None:
    """Say why there can be no cluster on this machine. None if there can."""
    missing = [name for name in ("munged", "slurmctld", "slurmd", "sbatch") if shutil.which(name, path=PATH) is None]
    if missing:
        return f"there is no {', '.join(missing)} (apt-get install slurm-wlm munge)"
    return None if os.geteuid() == 0 else "SLURM's daemons need root"


class Cluster:
    """The daemons of a cluster below `folder`. They live until `stop`, or until this process ends in any way."""

    def __init__(self, folder: Path, kill_wait_s: int = 3, node_timeout_s: int = 60) -> None:
        """`node_timeout_s`: a node whose slurmd does not answer for so long is down, and its jobs fail."""
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}
        self._timeouts_s = {"kill_wait_s": kill_wait_s, "node_timeout_s": node_timeout_s}
        self._pids: dict[str, int] = {}
        self._keeper: subprocess.Popen[str] | None = None

    def start(self) -> Cluster:
        """Start every daemon, and return once both nodes are idle."""
        for attempt in range(_ATTEMPTS):
            try:
                self._start()
                return self
            except AssertionError:
                self.stop()
                if attempt == _ATTEMPTS - 1:
                    raise
        return self

    def stop(self) -> None:
        """Kill every daemon and every job."""
        if self._keeper is not None:
            self._keeper.communicate(timeout=30)
            self._keeper = None

    def start_daemon(self, name: str) -> None:
        """Start munged, slurmctld, or the slurmd of a node, which is named like its node."""
        argv = {
            "munged": [
                "munged",
                "--foreground",
                "--force",
                f"--key-file={self.folder}/munge/key",
                f"--socket={self.folder}/munge.socket",
                f"--pid-file={self.folder}/munged.pid",
                f"--log-file={self.folder}/munge/log",
                f"--seed-file={self.folder}/munge/seed",
                "--num-threads=2",
            ],
            CONTROLLER: [CONTROLLER, "-D"],
        }.get(name, ["slurmd", "-D", "-N", name])
        assert self._keeper is not None
        assert self._keeper.stdin is not None
        assert self._keeper.stdout is not None
        program = shutil.which(argv[0], path=PATH)
        print(json.dumps([program, *argv[1:]]), file=self._keeper.stdin, flush=True)
        self._pids[name] = int(self._keeper.stdout.readline())

    def start_missing(self) -> None:
        """Start every daemon that is not running, and return once both nodes are up."""
        missing = [name for name in self._pids if not psutil.pid_exists(self._pids[name])]
        for name in missing:
            self.start_daemon(name)
        if missing:
            self.wait_until_up()

    def kill(self, name: str) -> None:
        """Send SIGKILL to a daemon, and return once it is gone."""
        process = psutil.Process(self._pids[name])
        process.kill()
        wait_until(lambda: not process.is_running(), 5)

    def wait_until_saved(self, name: str) -> None:
        """Return once the controller has written a job to disk. A crash before that loses the job."""
        saved = self.folder / "state" / "job_state"
        wait_until(lambda: saved.exists() and name.encode() in saved.read_bytes(), 20)

    def lose_jobs(self) -> None:
        """Let the controller forget every job and begin to count again, as after a crash with its state lost."""
        self.kill(CONTROLLER)
        shutil.rmtree(self.folder / "state")
        (self.folder / "state").mkdir()
        self.start_missing()

    def wait_until_up(self) -> None:
        """Return once the controller answers and both nodes can take jobs, or have some."""
        wait_until(self._is_up, _START_TAKES_AT_MOST_S, self._describe)

    def run(self, *argv: str) -> str:
        """Run one of SLURM's commands and return its output."""
        command = subprocess.run(argv, env=os.environ | self.environment, capture_output=True, text=True, timeout=30)
        assert command.returncode == 0, command.stderr
        return command.stdout.strip()

    def state_of(self, name: str) -> str:
        """Return SLURM's state of the job with that name; empty if SLURM does not know one."""
        return self.run("squeue", "--noheader", "--states=all", f"--name={name}", "--format=%T")

    def end_jobs(self) -> None:
        """Start the daemons that a test has killed, kill every job, and return once no process of one is left."""
        self.start_missing()
        self.run("scancel", "--full", "--signal=KILL", "--state=RUNNING", f"--user={os.getuid()}")
        self.run("scancel", f"--user={os.getuid()}")
        wait_until(lambda: not self.run("squeue", "--noheader"), 20, lambda: self.run("squeue"))

    def _start(self) -> None:
        self._configure()
        self._keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.slurm.keeper"],
            cwd=ROOT,
            env=os.environ | self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )
        for name in ("munged", CONTROLLER, *NODES):
            self.start_daemon(name)
        self.wait_until_up()

    def _configure(self) -> None:
        for name in ("munge", "state", "spool-n1", "spool-n2"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "munge").chmod(0o700)
        key = self.folder / "munge" / "key"
        if not key.exists():
            key.write_bytes(os.urandom(1024))
            key.chmod(0o400)
        conf = _CONF.format(
            folder=self.folder,
            host=socket.gethostname(),
            ports=[free_port() for _ in range(3)],
            cpus=os.cpu_count(),
            **self._timeouts_s,
        )
        (self.folder / "slurm.conf").write_text(conf)
        (self.folder / "gres.conf").write_text(_GRES)

    def _is_up(self) -> bool:
        shown = subprocess.run(
            ["sinfo", "--noheader", "--Node", "--partition=gpu", "--format=%t"],
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
        )
        states = shown.stdout.split()
        return len(states) == len(NODES) and set(states) <= {"idle", "mix", "alloc", "comp"}

    def _describe(self) -> dict[str, str]:
        return {log.name: log.read_text(errors="replace")[-1000:] for log in self.folder.glob("*.log")}


def is_daemon(process: psutil.Process) -> bool:
    """Whether a process is part of a cluster itself, not of a job."""
    try:
        is_one = process.name() in ("munged", "slurmctld", "slurmscriptd", "slurmd")
        return is_one or "tests.slurm.keeper" in process.cmdline()
    except psutil.Error:
        return True  # It has exited.
