"""The box's side of fleet updates: what may be installed, the slots, the switch, and the way back."""
