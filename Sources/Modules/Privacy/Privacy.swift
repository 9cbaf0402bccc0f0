// The Privacy module of the ledger.
