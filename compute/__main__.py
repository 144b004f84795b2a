"""`python -m compute STAGE`."""

import signal
import sys

from compute.cli import main

signal.signal(signal.SIGTERM, signal.default_int_handler)  # where a stage has nothing to save first
sys.exit(main())
