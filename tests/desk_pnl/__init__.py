"""Cash flow and average cost agree: random streams of fills against an exact second account."""
