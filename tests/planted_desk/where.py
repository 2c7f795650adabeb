"""A plugin for pytest that says where the desk was loaded from."""

import pytest

import lockstep_desk


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the folder of the desk at the end of the run."""
    terminalreporter.write_line(f"desk loaded from {lockstep_desk.__file__}")
