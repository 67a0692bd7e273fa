"""Run the command line as a module: `python -m accordant.cli`."""

from accordant.cli.app import main

main()
