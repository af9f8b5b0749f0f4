"""How long and how fast: a soak that watches memory, and the times a shop would feel."""
