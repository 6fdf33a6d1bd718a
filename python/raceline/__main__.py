"""The raceline program, as it is installed beside this package."""
import os
import sys

from ._tune import PROGRAM


def main() -> None:
    os.execv(PROGRAM, [PROGRAM, *sys.argv[1:]])


if __name__ == "__main__":
    main()
