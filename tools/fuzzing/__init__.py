"""Fuzzing of everything that reads bytes from outside: ``./tools/fuzz --seconds 60 [TARGET...]``."""
