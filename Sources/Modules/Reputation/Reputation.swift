// The Reputation module of the ledger.
