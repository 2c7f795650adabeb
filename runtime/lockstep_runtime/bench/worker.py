"""The child process: does one job on one build and prints the result as one line of JSON."""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from lockstep_kernel import CannotRunError, LockstepError
from lockstep_kernel.errors import EXIT_CANNOT_RUN, EXIT_OK
from lockstep_runtime.bench.builds import Build, check_floor_interpreted


class Job(msgspec.Struct, frozen=True):
    """What to do: `kind` is round, check, memory, floor or admission; `work` is a file."""

    kind: str
    build: Build
    work: str
    scratch: str


def main(arguments: Sequence[str]) -> int:
    """Do the job that the one argument describes and return the exit code."""
    try:
        job = msgspec.json.decode(arguments[0], type=Job)
        job.build.check_running()
        print(msgspec.json.encode(_do(job)).decode(), flush=True)
    except LockstepError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return EXIT_CANNOT_RUN
    except Exception as error:  # noqa: BLE001  # the top guard: one sentence, no traceback
        print(f"internal error: {type(error).__name__}: {error}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    return EXIT_OK


def _do(job: Job) -> msgspec.Struct:
    # Only here: the build is checked before anything heavy is imported.
    from lockstep_runtime.bench import measures
    from lockstep_runtime.bench.workload import AdmissionWork, FloorWork, Workload, load

    path = Path(job.work)
    match job.kind:
        case "floor":
            check_floor_interpreted()
            return measures.measure_floor(load(path, FloorWork))
        case "round":
            return measures.measure_round(load(path, Workload), Path(job.scratch))
        case "check":
            return measures.check_flow(load(path, Workload))
        case "memory":
            return measures.measure_memory(load(path, Workload))
        case "admission":
            from lockstep_runtime.bench.admission import measure_admission

            return measure_admission(load(path, AdmissionWork))
        case _:
            raise CannotRunError(f"expected a kind of job, found '{job.kind}'")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
