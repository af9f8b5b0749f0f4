"""Object stores that carry the bytes of a delivery when the broker should not (claim check)."""
