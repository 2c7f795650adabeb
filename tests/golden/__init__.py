"""Golden journals: recorded streams whose final hashes are pinned."""
