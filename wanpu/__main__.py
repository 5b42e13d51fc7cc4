"""`python -m wanpu`."""

from wanpu.cli import main

if __name__ == "__main__":
    main()
