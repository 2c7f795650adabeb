"""The demo: feeds go through the durable pipeline, the writer is killed, and everything is proved.

A trial is one feed with its kill, its recovery and its validation; `lockstep demo` runs some.
"""

from lockstep_runtime.demo.plan import Trial, find_sample, trials
from lockstep_runtime.demo.trial import Outcome, run_trial
from lockstep_runtime.demo.validation import Judgement, validate_all

__all__ = [
    "Judgement",
    "Outcome",
    "Trial",
    "find_sample",
    "run_trial",
    "trials",
    "validate_all",
]
