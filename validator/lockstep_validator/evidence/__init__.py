"""Evidence: proofs about signed tree heads that anybody checks with a file and a public key."""
