import PluginHost
import Primitives

extension FuzzGroups {
    /// What comes out of a plugin, which is not trusted.
    package static let plugins = FuzzGroup(
        "plugins", "frames of a plugin's child, effects of a consensus plugin, ELF files", lengthLimit: 4_096,
        targets: [frame, effects, elf])

    private static let frame = FuzzTarget(
        "frame",
        seeds: {
            [
                Frame(.call, code: 17, [[1, 2, 3], []]), Frame(.answer),
                Frame(.answer, code: 1, [[65], [66], [67], [1, 0, 0, 0]]),
                Frame(.log, code: 2, [Array("a".utf8)]), Frame(.service, code: 5, [[], [1], [2], [3]]),
            ].map { frame in
                var bytes: [UInt8] = []
                frame.encode(into: &bytes)
                return bytes
            }
        },
        run: { bytes throws(FuzzFinding) in
            let frame = bytes.withUnsafeBytes { Frame($0) }
            let size = bytes.withUnsafeBytes { Frame.bodySize($0) }
            guard let frame else { return }
            guard size == bytes.count - Frame.headSize else {
                throw FuzzFinding("a frame of another size than its head")
            }
            var again: [UInt8] = []
            frame.encode(into: &again)
            guard again == bytes else { throw FuzzFinding("decodes, and encodes to other bytes") }
        })

    private static let effects = FuzzTarget(
        "consensus effects", seeds: { [effectSeed()] },
        run: { bytes throws(FuzzFinding) in
            guard let effects = try? ConsensusEffect.decode(bytes, plugin: "fuzz") else { return }
            // Persisting comes first, then signing (CON-3).
            let stages = effects.map { effect in
                switch effect {
                case .persist: 0
                case .signVote: 1
                default: 2
                }
            }
            guard stages == stages.sorted() else { throw FuzzFinding("effects are not in order") }
        })

    /// A record of each kind, of eight bytes and of many, filled with small numbers.
    private static func effectSeed() -> [UInt8] {
        (1...12).flatMap { kind -> [UInt8] in
            [UInt8(kind), 0, 0, 0, 240, 0, 0, 0] + [UInt8](repeating: 0, count: 232)
        }
    }

    private static let elf = FuzzTarget(
        "ELF symbols", seeds: { [elfSeed()] },
        run: { bytes throws(FuzzFinding) in
            guard let symbols = ElfSymbols(bytes) else { return }
            guard symbols.exported == symbols.exported.sorted() else { throw FuzzFinding("symbols are not in order") }
        })

    /// A file header, the header of a table of dynamic symbols and of its strings, two symbols, and their names.
    private static func elfSeed() -> [UInt8] {
        func little(_ value: UInt64, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * UInt64($0))) }
        }
        let (sections, symbols, strings) = (UInt64(64), UInt64(64 + 128), UInt64(64 + 128 + 72))
        var file: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 2, 1] + little(0, 34) + little(sections, 8) + little(0, 10)
        file += little(64, 2) + little(2, 2) + little(0, 2)
        file += little(0, 4) + little(11, 4) + little(0, 16) + little(symbols, 8) + little(72, 8) + little(1, 4)
        file += little(0, 20)
        file += little(0, 4) + little(3, 4) + little(0, 16) + little(strings, 8) + little(7, 8) + little(0, 24)
        file += little(0, 24)
        file += little(1, 4) + [0x12, 0] + little(1, 2) + little(0, 16)
        file += little(3, 4) + [0x12, 0] + little(0, 2) + little(0, 16)
        return file + [0, 97, 0, 98, 99, 0, 0]
    }
}
