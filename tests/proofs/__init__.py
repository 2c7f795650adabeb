"""Contracts over the arithmetic of the engine, for CrossHair to prove and for tests to exercise."""
