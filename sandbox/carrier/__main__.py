"""`python -m sandbox.carrier --name sandbox-carrier`."""

from sandbox.carrier.http import build
from sandbox.process import run

if __name__ == "__main__":
    run(build)
