"""Properties: two machines agree on all commands, and one history has one hash."""
