"""`python -m compute STAGE`."""

import sys

from compute.cli import main

sys.exit(main())
