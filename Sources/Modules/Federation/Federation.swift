// The Federation module of the ledger.
