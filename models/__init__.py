"""How the network is defined, trained, quantised, checked and released; runs on a developer's machine."""
