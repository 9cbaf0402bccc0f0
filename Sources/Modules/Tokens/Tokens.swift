// The Tokens module of the ledger.
