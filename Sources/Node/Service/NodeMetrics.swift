/// The metrics that a node has, each with its meaning and unit. `Reference/Metrics.md` describes the same ones.
public enum NodeMetrics {
    public static let height = MetricDescription(
        name: "vinculum_ledger_height_blocks", kind: .gauge, unit: "blocks", help: "Height of the last committed block")
    public static let transactions = MetricDescription(
        name: "vinculum_ledger_transactions_total", kind: .counter, unit: "transactions",
        help: "Transactions in committed blocks")
    public static let pending = MetricDescription(
        name: "vinculum_mempool_pending_transactions", kind: .gauge, unit: "transactions",
        help: "Transactions that wait for a block")
    public static let pendingBytes = MetricDescription(
        name: "vinculum_mempool_pending_bytes", kind: .gauge, unit: "bytes", help: "Bytes of waiting transactions")
    public static let stateBytes = MetricDescription(
        name: "vinculum_state_content_bytes", kind: .gauge, unit: "bytes", help: "Paths and values of the state")
    public static let stateEntries = MetricDescription(
        name: "vinculum_state_entries", kind: .gauge, unit: "entries", help: "Entries of the state")
    public static let healthy = MetricDescription(
        name: "vinculum_node_healthy_ratio", kind: .gauge, unit: "ratio",
        help: "1 while blocks can be decided and stored, 0 while something is in the way")
}
