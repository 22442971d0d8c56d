"""`python -m gramax`, and the installed command."""

import os
import sys

from gramax._stopping import stoppable  # not in `cli`: its imports can be interrupted too


def run() -> None:
    """Run the command and leave with its exit code; 128 and the signal where one ended it."""
    with stoppable() as stop:
        code = 130
        try:
            from gramax.cli import main, streams

            streams.prepare()
            code = streams.finish(main())
        except KeyboardInterrupt:
            pass  # while the command was loaded, or a second one
    if code == 130 and stop.signal:
        # At once: what still reads in another thread is not waited for.
        os._exit(128 + stop.signal)
    sys.exit(code)


if __name__ == "__main__":
    run()
