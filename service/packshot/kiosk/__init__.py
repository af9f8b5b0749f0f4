"""The kiosk: pages and REST interface of one box, for the touch screen on the counter and any browser allowed in."""
