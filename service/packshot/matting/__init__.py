"""Picture maths: arrays in, arrays out; no files, no clock, no threads."""
