/// Who reaches whom in each round of a height, until all reach all: for exhaustive exploration.
package struct PartitionScript: Sendable {
    /// For each round a group for each process, as bits; the same bit reaches one another.
    package let groups: [UInt32]
    /// Milliseconds after which all reach all, whatever the round.
    package let healsAfter: Int64

    package init(groups: [UInt32], healsAfter: Int64) {
        self.groups = groups
        self.healsAfter = healsAfter
    }

    func connects(_ left: Int, _ right: Int, round: UInt32) -> Bool {
        guard Int(round) < groups.count else { return true }
        let bits = groups[Int(round)]
        return (bits >> UInt32(left)) & 1 == (bits >> UInt32(right)) & 1
    }
}
