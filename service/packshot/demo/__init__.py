"""``packshot demo``: the whole appliance on one machine, with nothing to set up."""
