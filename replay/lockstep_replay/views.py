"""Named tables of a state, for people: book, accounts, positions; and what made their numbers.

What is worth showing only the machine knows. A machine may have a method `views`; for one that has
none there is the table of all entities. It may have a method `explain`; nothing stands in for that.
It may have a method `label`; without it numbers are shown as they are.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from lockstep_journal.values import Label, no_label
from lockstep_kernel import CannotRunError, Core, Machine, State, sorted_records

Row = Mapping[str, object]
Views = Mapping[str, Sequence[Row]]
"""Table name -> rows, each with the same columns in the same order."""

ENTITIES = "entities"


class HasViews(Protocol):
    """A machine that can show its state. `views` reads the core and changes nothing."""

    def views(self, core: Core) -> Views:
        """Return the tables, in the order in which they are to be shown."""
        ...


class CanExplain(Protocol):
    """A machine that can say what made its numbers. `explain` changes nothing."""

    def explain(self, core: Core, subject: str) -> Views:
        """Return the tables about one subject; raise `CannotRunError` if it is unknown."""
        ...


class HasLabels(Protocol):
    """A machine whose numbers have names."""

    def label(self, struct: str, field: str, value: int) -> str:
        """Return what a number in a field of a command or event is called, empty if nothing."""
        ...


def label_of(machine: Machine) -> Label:
    """Return the machine's own names of numbers."""
    named: Any = machine
    return cast(HasLabels, named).label if hasattr(named, "label") else no_label


def explanation_of(state: State, subject: str) -> Views:
    """Return what made the numbers of a subject, such as an account.

    Raise `CannotRunError` for a subject that the state does not have and for a machine that cannot
    explain.
    """
    machine: Any = state.machine
    if not hasattr(machine, "explain"):
        raise CannotRunError(f"expected a machine that can explain, found '{machine.name}'")
    return cast(CanExplain, machine).explain(state.core, subject)


def views_of(state: State) -> Views:
    """Return the tables of a state; `entities` is always there, last."""
    machine: Any = state.machine
    tables: dict[str, Sequence[Row]] = {}
    if hasattr(machine, "views"):
        tables.update(cast(HasViews, machine).views(state.core))
    tables.setdefault(ENTITIES, entity_rows(state))
    return tables


def entity_rows(state: State) -> list[Row]:
    """Return one row per entity, by (kind, key)."""
    return [
        {
            "kind": kind_name(state.machine, record[0]),
            "key": record[1],
            "fields": list(record[2:]),
        }
        for record in sorted_records(state)
    ]


def kind_name(machine: Machine, kind: int) -> str:
    """Return the machine's own name of a kind of entity, `kind N` if it gives none."""
    names: Mapping[int, str] = getattr(machine, "kind_names", {})
    return names.get(kind, f"kind {kind}")
