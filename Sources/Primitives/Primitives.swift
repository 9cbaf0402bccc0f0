// Amounts, digests, content ids, DAG-CBOR, keys, Merkle vector and Merkle tree: the words everything else is said in.
