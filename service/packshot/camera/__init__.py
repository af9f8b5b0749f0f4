"""Cameras: one port, one file per kind of camera."""
