/// The dynamic symbols of a 64-bit little-endian ELF library, read from its section headers. Source: System V ABI,
/// gABI 4.1.
///
/// Every offset is checked: the file is not trusted.
package struct ElfSymbols {
    /// What the library offers to others.
    package let exported: [String]
    /// What it wants of others.
    let undefined: [String]

    /// Nil if the bytes are no such library.
    package init?(_ bytes: [UInt8]) {
        let reader = ElfReader(bytes: bytes)
        guard bytes.count >= 64, bytes[0..<6].elementsEqual([0x7f, 0x45, 0x4c, 0x46, 2, 1]),
            let table = reader.word(40, as: UInt64.self), let entrySize = reader.word(58, as: UInt16.self),
            let count = reader.word(60, as: UInt16.self), entrySize >= 64
        else { return nil }
        // Type 11 is SHT_DYNSYM; `link` is the section of its strings.
        for index in 0..<UInt64(count) {
            let section = table &+ index &* UInt64(entrySize)
            guard reader.word(section &+ 4, as: UInt32.self) == 11,
                let offset = reader.word(section &+ 24, as: UInt64.self),
                let size = reader.word(section &+ 32, as: UInt64.self),
                let link = reader.word(section &+ 40, as: UInt32.self),
                let strings = reader.word(table &+ UInt64(link) &* UInt64(entrySize) &+ 24, as: UInt64.self)
            else { continue }
            var exported: [String] = []
            var undefined: [String] = []
            // No more symbols than the file has room for, whatever it says.
            for number in 1..<max(2, min(size, UInt64(bytes.count)) / 24) {
                let symbol = offset &+ number &* 24
                guard let name = reader.word(symbol, as: UInt32.self),
                    let information = reader.word(symbol &+ 4, as: UInt8.self),
                    let home = reader.word(symbol &+ 6, as: UInt16.self),
                    let text = reader.text(strings &+ UInt64(name)), !text.isEmpty
                else { continue }
                // Binding 0 is local: linkers leave some behind, and nobody can reach them.
                if information >> 4 == 0 { continue }
                if home == 0 { undefined.append(text) } else { exported.append(text) }
            }
            self.exported = exported.sorted()
            self.undefined = undefined.sorted()
            return
        }
        return nil
    }
}

private struct ElfReader {
    let bytes: [UInt8]

    func word<Word: FixedWidthInteger>(_ offset: UInt64, as: Word.Type) -> Word? {
        let size = MemoryLayout<Word>.size
        guard offset <= UInt64(bytes.count), UInt64(bytes.count) - offset >= UInt64(size) else { return nil }
        return bytes.withUnsafeBytes {
            Word(littleEndian: $0.loadUnaligned(fromByteOffset: Int(offset), as: Word.self))
        }
    }

    func text(_ offset: UInt64) -> String? {
        guard offset < UInt64(bytes.count) else { return nil }
        let rest = bytes[Int(offset)...].prefix(4096)
        guard let end = rest.firstIndex(of: 0) else { return nil }
        return String(validating: rest[..<end], as: UTF8.self)
    }
}

/// What a sans-IO plugin may want of others: memory, strings, arithmetic, the Swift runtime and standard library,
/// and the pure parts of libsodium. A lint, not a boundary: the boundary is the child process.
package enum AllowedSymbols {
    private static let names: Set<String> = [
        "__cxa_finalize", "__gmon_start__", "__stack_chk_fail", "_ITM_deregisterTMCloneTable",
        "_ITM_registerTMCloneTable", "malloc", "calloc", "realloc", "free", "aligned_alloc", "posix_memalign",
        "malloc_usable_size", "memcpy", "memmove", "memset", "memcmp", "memchr", "bcmp", "strlen", "strcmp", "strncmp",
        "strchr", "strrchr", "strstr", "strnlen", "qsort", "bsearch", "abort", "__assert_fail", "ceil", "floor",
        "round",
        "trunc", "sqrt", "fabs", "fmod", "log", "log2", "exp", "exp2", "pow", "ldexp", "frexp", "nextafter", "log1p",
        "expm1", "lround", "llround", "rint", "nearbyint", "sodium_init", "sodium_memzero", "sodium_memcmp",
        "__memcpy_chk", "__memmove_chk", "__memset_chk", "__cpu_model", "__cpu_indicator_init", "__dso_handle",
    ]

    /// Whether a mangled Swift name is of the standard library, whose module is written as one letter: another module's
    /// name stands in full at the beginning, or before the `E` of an extension. (The plugin's own modules are inside.)
    ///
    /// The beginning may also name an associated type (`7ElementSTTl`); its protocol follows.
    private static func isOfStandardLibrary(_ name: String) -> Bool {
        var mangling = SwiftMangling(name)
        while let next = mangling.next() {
            guard case .identifier(let isFirst) = next else { continue }
            if mangling.peek == UInt8(ascii: "E") { return false }
            if isFirst, mangling.peek != UInt8(ascii: "s"), mangling.peek != UInt8(ascii: "S") { return false }
        }
        return true
    }

    /// Parts of Swift's standard library that are a clock, a random source, a thread, or the console.
    private static let bannedInSwift = [
        "SystemRandomNumberGenerator", "ContinuousClock", "SuspendingClock", "CommandLine", "5print_", "10debugPrint",
        "8readLine", "swift_stdlib_random", "swift_task_", "swift_job_", "swift_continuation_", "swift_asyncLet_",
    ]

    package static func permits(_ symbol: String) -> Bool {
        let name = symbol.split(separator: "@", maxSplits: 1).first.map(String.init) ?? symbol
        if names.contains(name) { return true }
        if name.hasPrefix("crypto_") { return !name.hasSuffix("_keygen") && !name.hasSuffix("_keypair") }
        guard !bannedInSwift.contains(where: { name.contains($0) }) else { return false }
        // `$sSc` is a type of the concurrency library: tasks and threads.
        if name.hasPrefix("$s") { return !name.hasPrefix("$sSc") && isOfStandardLibrary(name) }
        return ["swift_", "_swift", "__swift"].contains { name.hasPrefix($0) }
    }
}
