"""`python -m leadmagnet` is the `leadmagnet` command."""

from leadmagnet.cli import main

main()
