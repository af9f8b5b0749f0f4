"""Settings of all tests."""

import os

from hypothesis import HealthCheck, settings

# No deadlines: a busy machine is no defect. In CI the examples are the same every time; tools/fuzz looks for new ones.
settings.register_profile(
    "packshot",
    deadline=None,
    derandomize=bool(os.environ.get("CI")),
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.load_profile("packshot")
