"""Run what is measured: `python -m benchmarks` all of it, `python -m benchmarks NAME ...` a part.

`python -m benchmarks --list` says what there is. The exit status is 1 where one of them finds that
an expectation does not hold.
"""

import argparse
import importlib
import pkgutil
import sys
import time
from pathlib import Path

HELPERS = {
    "__main__",
    "_r",
    "ct_patient",
    "simulated",
    "trap_cohort",
    "trap_path",
    "trap_report",
}
"""Modules that measure nothing by themselves."""


def names() -> list[str]:
    """The benchmarks, by the names of their modules."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(module.name for module in found if module.name not in HELPERS)


def run(name: str) -> int:
    """Run one benchmark with its own defaults; its exit status."""
    module = importlib.import_module(f"benchmarks.{name}")
    print(f"\n{name}: {module.__doc__.splitlines()[0]}", flush=True)
    # Each reads its own options from the command line, of which there are none here.
    sys.argv = [f"benchmarks.{name}"]
    start = time.monotonic()
    status = module.main()
    print(f"{name}: {'done' if status == 0 else 'failed'} in {time.monotonic() - start:.0f} s")
    return status


def main() -> int:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="which benchmarks; all by default")
    parser.add_argument("--list", action="store_true", help="say which there are")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in names()]
    if unknown:
        parser.error(f"no benchmark '{unknown[0]}'; there are {', '.join(names())}")
    if arguments.list:
        print("\n".join(names()))
        return 0
    failed = [name for name in arguments.names or names() if run(name)]
    if failed:
        print(f"\nAn expectation does not hold in: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
