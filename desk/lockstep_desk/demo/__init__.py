"""The demo of the desk: a portfolio in real processes, what goes wrong with it, and the proof.

A director (this process) starts a host, which runs exchange, desk and pipeline and may be killed;
what is told at the end is read from the two journals.
"""
