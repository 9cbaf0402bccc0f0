// Tensors, safetensors, trainers, aggregation; no ledger and no network.
