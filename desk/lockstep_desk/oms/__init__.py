"""Orders: their state machine, their specification, and the boundary at which they are let go."""
