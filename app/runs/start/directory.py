"""Write the directory of a new run, before it becomes visible."""

from __future__ import annotations

from app.runs.executors import invocation
from app.runs.start.origin import describe_origin
from app.runs.start.planner import Plan
from app.runs.store.newrun import NewRun
from app.runs.store.store import RunStore
from trainer.experiment.experiment import to_yaml
from trainer.manifest import write_manifest
from trainer.rundir import write_json, write_text


def write_run(store: RunStore, plan: Plan, stop_grace_s: float) -> NewRun:
    """Write the files of a new run under a hidden name. Raises OSError.

    From then on nothing but these files counts, whatever becomes of the experiment file.
    """
    new, command = store.create(), plan.experiment.command
    if command is None:
        program = invocation.trainer_program(new.run, stop_grace_s)
    else:
        filled = invocation.fill(command, plan.home, new.run.output, plan.request, plan.resume_dir)
        program = invocation.command_program(filled, new.run, stop_grace_s)
    origin = describe_origin(program)
    try:
        write_text(new.files.config, to_yaml(plan.experiment))
        if plan.preflight is not None:
            write_json(new.files.preflight, plan.preflight)
        if command is not None:
            new.files.output.mkdir()
        sequence = store.listing.next_sequence()  # Late, so that runs appear nearly in the order of their sequences.
        write_manifest(new.files, new.run.run_id, sequence, plan.request, program, origin, plan.declared)
    except OSError:
        new.discard()
        raise
    return new
