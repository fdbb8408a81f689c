"""What leaves the ledger as files: read back by the programs that such files are for."""
