"""`python -m vrijloop`."""

from vrijloop.cli import main

if __name__ == "__main__":
    main()
