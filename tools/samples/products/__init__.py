"""One product a file: its shape, its paint and the scene it stands in."""
