"""Planted bugs: each must be caught by the differential property test, or that test is too weak."""
