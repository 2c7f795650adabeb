"""The reconciliation as state of the desk: what a sweep remembers, and doing what it says."""
