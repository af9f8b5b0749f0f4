"""The torture loop: a whole appliance that is killed, cut off, filled up and lied to, then asked for every capture."""
