"""The hypothesis state machine: every step of a flow is drawn by hypothesis."""

from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from hypothesis.strategies import DataObject

from tests.property.dice import HypothesisDice
from tests.property.flow import Flow, Run


class Agreement(RuleBasedStateMachine):
    """Engine and naive machine agree on every command. `run` is set by who runs it."""

    run: ClassVar[Run]

    @initialize(data=st.data())
    def begin(self, data: DataObject) -> None:
        """Build a world."""
        self.flow = Flow(HypothesisDice(data), self.run)

    @rule(data=st.data())
    def step(self, data: DataObject) -> None:
        """Send the next command, perhaps restart, and check everything."""
        self.flow.step(HypothesisDice(data))

    def teardown(self) -> None:
        """Compare once more what is left at the end."""
        if self.run.failure is None and hasattr(self, "flow"):
            self.flow.finish()
