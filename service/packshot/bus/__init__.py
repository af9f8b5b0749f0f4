"""Message buses: one port, the MQTT adapter, an in-memory one for tests."""
