"""`python -m sandbox.bank --name sandbox-bank`."""

from sandbox.bank.http import build
from sandbox.process import run

if __name__ == "__main__":
    run(build)
