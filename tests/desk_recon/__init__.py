"""Seeded runs of a small desk against a faulty broker: what a sweep may leave."""
