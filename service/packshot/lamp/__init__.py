"""Lamps: light for the exposure and signs for people. One port, one file per kind."""
