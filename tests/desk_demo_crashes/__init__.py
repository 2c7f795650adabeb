"""Crashes of the desk's demo: a host that dies at a chosen point, and what must hold afterwards."""
