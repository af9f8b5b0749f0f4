"""Builds, signs and publishes releases; runs where releases are made, never on a box."""
