"""What a forked process does in `test_nursery.py`: says what it is, then what its first argument asks for."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    wanted = sys.argv[1]
    told = {
        "argv": sys.argv[1:],
        "env": dict(os.environ),
        "cwd": str(Path.cwd()),
        "session": os.getsid(0) == os.getpid(),
        "nice": os.nice(0),
    }
    if wanted == "family":
        told["child"] = subprocess.Popen(["sleep", "60"]).pid
    print(json.dumps(told), flush=True)
    if wanted == "fail":
        raise SystemExit("no such table")
    time.sleep(60)
