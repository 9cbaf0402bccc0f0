/// What a metric measures, for the scrape and for the manual. Every sample names one of these, and a test refuses
/// samples without a description.
public struct MetricDescription: Sendable, Hashable {
    public enum Kind: String, Sendable {
        case counter, gauge
    }

    /// Prometheus name with its unit last, e.g. `vinculum_ledger_height_blocks`.
    public var name: String
    public var kind: Kind
    /// The unit as in the name: `seconds`, `bytes`, `blocks`, `ratio`, …
    public var unit: String
    public var help: String

    public init(name: String, kind: Kind, unit: String, help: String) {
        self.name = name
        self.kind = kind
        self.unit = unit
        self.help = help
    }
}

/// A value of one metric, with its labels in the order they are printed.
public struct MetricSample: Sendable, Hashable {
    public struct Label: Sendable, Hashable {
        public var name: String
        public var value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    public var metric: MetricDescription
    public var labels: [Label]
    public var value: Double

    public init(_ metric: MetricDescription, labels: [Label] = [], value: Double) {
        self.metric = metric
        self.labels = labels
        self.value = value
    }
}
