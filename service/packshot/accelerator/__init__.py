"""Engines that run the int8 network: one port, one file per runtime."""
