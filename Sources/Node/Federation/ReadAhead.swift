/// A state of which some values were read together; any other is read when it is asked for.
struct ReadAhead: StateReader {
    private let known: [[UInt8]: [UInt8]?]
    private let state: any StateReader

    init(_ paths: [[UInt8]], of state: any StateReader) async throws {
        self.state = state
        known = Dictionary(zip(paths, try await state.values(at: paths)), uniquingKeysWith: { first, _ in first })
    }

    func value(at path: [UInt8]) async throws -> [UInt8]? {
        if let value = known[path] { return value }
        return try await state.value(at: path)
    }

    func values(at paths: [[UInt8]]) async throws -> [[UInt8]?] {
        let found: [[UInt8]?] = paths.compactMap { known[$0] }
        return found.count == paths.count ? found : try await state.values(at: paths)
    }

    func head() async throws -> (height: UInt64, timeMilliseconds: UInt64) { try await state.head() }
}
