import Primitives

/// Rényi divergences at the 32 fixed orders, as integers in 1e-9, rounded up by whoever computed them. Limits, what
/// was
/// spent and what is reserved have the same form. Sums are checked.
public struct CostVector: Hashable, Sendable {
    /// One value for each of `RenyiOrders`, in its order.
    public let values: [UInt64]

    /// Nil unless there is one value for each order.
    public init?(_ values: [UInt64]) {
        guard values.count == RenyiOrders.count else { return nil }
        self.values = values
    }

    private init(unchecked values: [UInt64]) { self.values = values }

    public static let zero = CostVector(unchecked: [UInt64](repeating: 0, count: RenyiOrders.count))

    public var isZero: Bool { !values.contains { $0 != 0 } }

    /// Nil when a sum does not fit 64 bits.
    public func adding(_ other: CostVector) -> CostVector? {
        var sums = values
        for index in sums.indices {
            let (sum, overflow) = sums[index].addingReportingOverflow(other.values[index])
            guard !overflow else { return nil }
            sums[index] = sum
        }
        return CostVector(unchecked: sums)
    }

    /// Nil when a difference would be negative.
    public func subtracting(_ other: CostVector) -> CostVector? {
        var rest = values
        for index in rest.indices {
            let (difference, overflow) = rest[index].subtractingReportingOverflow(other.values[index])
            guard !overflow else { return nil }
            rest[index] = difference
        }
        return CostVector(unchecked: rest)
    }

    /// Nil when a product does not fit 64 bits.
    public func multiplied(by factor: UInt32) -> CostVector? {
        var products = values
        for index in products.indices {
            let (product, overflow) = products[index].multipliedReportingOverflow(by: UInt64(factor))
            guard !overflow else { return nil }
            products[index] = product
        }
        return CostVector(unchecked: products)
    }

    /// The larger value at every order.
    public func maximum(_ other: CostVector) -> CostVector {
        CostVector(unchecked: zip(values, other.values).map { max($0, $1) })
    }

    /// At every order at least `other`.
    public func covers(_ other: CostVector) -> Bool {
        zip(values, other.values).allSatisfy { $0 >= $1 }
    }

    /// The rule of the filter: at some order the total is within the limit (Feldman and Zrnic 2021; Lécuyer 2021 for
    /// several orders at once). Totals never fall while anything is spent, so that order was within it all along.
    public func isAdmitted(by limits: CostVector) -> Bool {
        zip(values, limits.values).contains { $0 <= $1 }
    }
}

extension CostVector: CBORCodable {
    public func encode(to encoder: inout CBOREncoder) { encoder.list(values) }

    public init(from decoder: inout CBORDecoder) throws(CBORError) {
        try decoder.array(count: RenyiOrders.count)
        var values: [UInt64] = []
        values.reserveCapacity(RenyiOrders.count)
        for _ in 0..<RenyiOrders.count { values.append(try decoder.unsigned()) }
        self.init(unchecked: values)
    }
}
