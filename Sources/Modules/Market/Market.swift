// The Market module of the ledger.
