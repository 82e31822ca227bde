"""`python -m pixelopolis`: the same as the `pixelopolis` command."""

from pixelopolis.cli.main import main

main()
