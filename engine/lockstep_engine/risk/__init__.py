"""Values at mark and index, margin, and the money an account may still use."""
