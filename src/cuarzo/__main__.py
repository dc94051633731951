"""`python -m cuarzo` is `cuarzo`."""

from cuarzo.cli import main

if __name__ == "__main__":
    main()
