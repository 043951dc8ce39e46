"""``python -m maestro`` is ``maestro``."""

import sys

from maestro.cli.main import main

sys.exit(main())
