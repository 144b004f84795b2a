"""`python -m compute STAGE`."""

import signal
import sys

from compute.cli import main
from compute.heap import keep_what_is_freed

keep_what_is_freed()
signal.signal(signal.SIGTERM, signal.default_int_handler)  # where a stage has nothing to save first
sys.exit(main())
