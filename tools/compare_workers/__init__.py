"""What ``compare_rembg.py`` and ``compare_matting.py`` run beside themselves, and how they judge it."""
