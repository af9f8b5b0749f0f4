"""Local triggers: what asks for a capture without MQTT. One port, one file per kind."""
