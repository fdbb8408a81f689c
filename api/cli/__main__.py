"""`python -m api.cli`: the same as `ledger`. Child processes are started so."""

from api.cli import main

if __name__ == "__main__":
    main()
