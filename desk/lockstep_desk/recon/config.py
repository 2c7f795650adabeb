"""The settings of a sweep, each with its unit."""

from typing import Final

import msgspec

from lockstep_desk.errors import need_int

NS_PER_S: Final = 10**9


class SweepConfig(
    msgspec.Struct, frozen=True, kw_only=True, array_like=True, forbid_unknown_fields=True
):
    """How a sweep compares.

    `clock_tolerance_ns`: how much earlier than its position's entry a closing fill may be stamped.
    `in_flight_ns`: how long after sending an order a broker may not know it yet.
    `grace_ns`: how young a fill may be to be left to the stream; 0 at boot.
    `pnl_tolerance_e9`: what rounding may put between the broker's profit and ours.
    Quantities and sides have no tolerance ([RECON-36]).
    """

    clock_tolerance_ns: int = NS_PER_S
    in_flight_ns: int = 10 * NS_PER_S
    grace_ns: int = 0
    pnl_tolerance_e9: int = 1_000

    def __post_init__(self) -> None:
        need_int("clock_tolerance_ns", self.clock_tolerance_ns, 0)
        need_int("in_flight_ns", self.in_flight_ns, 0)
        need_int("grace_ns", self.grace_ns, 0)
        need_int("pnl_tolerance_e9", self.pnl_tolerance_e9, 0)
