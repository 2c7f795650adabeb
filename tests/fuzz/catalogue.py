"""All fuzz targets. A new one is a module with the names of target.py, and a line here."""

from tests.fuzz.target import Target

TARGETS = (
    Target("counter-command", "command decoder of the counter, then apply", 1 << 12),
    Target("exchange-command", "command decoder of the exchange, then both machines", 1 << 12),
    Target("events", "decoder of events, of both machines", 1 << 12),
    Target("stream", "stream reader, validator, import and export", 1 << 14),
    Target("snapshot", "snapshot loader of all machines", 1 << 14),
    Target("journal", "journal opener, verifier, reader and recovery, in a child", 1 << 10),
    Target("feed", "order flows, recordings and the xz container", 1 << 14),
    Target("proof", "check-proof", 1 << 14),
)


def target_of(name: str) -> Target:
    """Return the target of that name; raise `KeyError`."""
    return {target.name: target for target in TARGETS}[name]
