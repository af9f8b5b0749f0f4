"""The spool: the only copy of a photo until the storefront has it."""
