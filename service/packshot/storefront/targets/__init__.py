"""Places pictures are delivered to: one port, one file per kind of storefront."""
