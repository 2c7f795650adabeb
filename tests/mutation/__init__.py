"""Mutation testing of the engine's core; see docs/mutation.md."""
