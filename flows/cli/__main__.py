"""`python -m flows.cli` is `armwise`."""

from flows.cli import main

main()
