/// Seeds as the command line takes them: `1..2000`, or one number.
package struct SeedRange: Equatable, Sendable {
    package let seeds: ClosedRange<UInt64>

    /// Nil for text that is no range of at most a billion seeds.
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        let ends = parts.filter { !$0.isEmpty }.compactMap { UInt64($0) }
        switch (parts.count, ends.count) {
        case (1, 1): seeds = ends[0]...ends[0]
        case (3, 2) where parts[1].isEmpty && ends[0] <= ends[1] && ends[1] - ends[0] < 1_000_000_000:
            seeds = ends[0]...ends[1]
        default: return nil
        }
    }
}
