"""``python -m packshot``."""

import sys

from packshot.cli import main

sys.exit(main())
