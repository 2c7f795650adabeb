"""Proofs about signed heads: the RFC's vectors, honest histories, crooked ones, flipped bytes."""
