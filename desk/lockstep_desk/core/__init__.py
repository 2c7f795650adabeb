"""The desk as a machine of the kernel, and the engine that drives it.

Owns the state of a running desk. What is in the journal, and hashed, is `machine` and all it is
made of; `engine`, `audit`, `replica`, `runners`, `hooks` and `router` run around it.
"""
