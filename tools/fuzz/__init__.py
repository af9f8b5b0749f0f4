"""Fuzzing of everything that reads bytes from outside: ``python -m tools.fuzz --seconds 60 [TARGET...]``."""
