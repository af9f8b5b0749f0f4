"""Photos of products that never existed: a small path tracer over signed distances, and the scenes it renders."""
