"""`python -m compute STAGE`."""

import gc
import signal
import sys

from compute.cli import main
from compute.heap import keep_what_is_freed

keep_what_is_freed()
gc.set_threshold(100_000, 20, 20)  # what importing and compiling make stays; looking through it is a fifth of it
signal.signal(signal.SIGTERM, signal.default_int_handler)  # where a stage has nothing to save first
status = main()
gc.freeze()  # else all that goes with the process is looked through once more, which takes a second
sys.exit(status)
