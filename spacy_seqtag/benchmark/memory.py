"""Memory of this process."""

import re
import sys
from pathlib import Path

STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def forget_peak() -> bool:
    """Let the peak be what is resident now; whether the system can do so, as Linux can."""
    try:
        CLEAR.write_text("5")
    except OSError:
        return False
    return True


def peak_megabytes() -> float | None:
    """The most memory that this process has had resident since the peak was forgotten, in 10^6 bytes; None where the
    system does not say."""
    # Not ru_maxrss where there is another way: on Linux it starts with what the parent process has.
    if STATUS.is_file() and (found := re.search(r"VmHWM:\s+(\d+) kB", STATUS.read_text())):
        return int(found[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
