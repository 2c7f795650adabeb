"""The benchmark: speed of the exchange as a share of what a bare matcher reaches on this machine.

`rounds` is the parent that starts children and collects what `worker` measures in them; `summary`
turns that into shares, `tables` and `plot` draw them. docs/benchmarks.md says what is measured.
"""
