"""Who may ask for what, and whether they asked before: signers, roles, nonces, requests."""
