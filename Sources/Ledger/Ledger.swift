// Transactions, blocks, state, execution, mempool, and the synchronous kernel.
