"""`python -m sandbox.psp --name sandbox-psp`."""

from sandbox.process import run
from sandbox.psp.http import build

if __name__ == "__main__":
    run(build)
