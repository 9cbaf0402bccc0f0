/// Rules about a file's text alone. Each takes a file and answers what is wrong with it.
enum TextRules {
    /// Files over 500 lines, with the reason and the length they may not exceed. May only shrink.
    static let longFiles: [String: (lines: Int, reason: String)] = [
        "CHANGELOG.md": (5_000, "grows with every release")
    ]

    static func lineLength(_ file: TrackedFile) -> [Finding] {
        guard file.isCode || file.path == "Packaging/dev" else { return [] }
        return findings(in: file, "longer than 120 columns") { $0.count > 120 }
    }

    static func fileLength(_ file: TrackedFile, exceptions: [String: (lines: Int, reason: String)]) -> [Finding] {
        guard file.isCode || file.isProse else { return [] }
        let limit = exceptions[file.path]?.lines ?? 500
        let count = file.lines.count - (file.text.hasSuffix("\n") ? 1 : 0)
        return count > limit ? [Finding(path: file.path, message: "\(count) lines, at most \(limit): split it")] : []
    }

    static func unfinishedWords(_ file: TrackedFile) -> [Finding] {
        guard file.isCode || file.isProse || file.path.hasSuffix(".toml"), !isAboutRules(file) else { return [] }
        let words: Set<Substring> = ["TODO", "FIXME", "XXX", "HACK"]
        let phrases = ["for now", "not implemented", "not yet implemented"]
        return findings(in: file, "unfinished: finish it or leave it out") { line in
            // Whole words only: XXXXXX stands in mkstemp's templates.
            line.split { !$0.isLetter }.contains { words.contains($0) } || phrases.contains { line.contains($0) }
        }
    }

    /// What a merge leaves where two changes meet.
    static func mergeMarks(_ file: TrackedFile) -> [Finding] {
        findings(in: file, "a merge that was not finished") { line in
            line.hasPrefix("<<<<<<< ") || line.hasPrefix(">>>>>>> ") || line == "======="
        }
    }

    /// Calls that end the process or hide an error, and how to do without.
    static func bannedCalls(_ file: TrackedFile) -> [Finding] {
        guard file.isSwift, file.isBelow(["Sources", "Plugins"]) else { return [] }
        let banned = [
            ("try!", "throw the error on"), ("fatalError(", "throw an error"), ("as!", "use as? and handle nil"),
            ("@_cdecl", "use @c with @implementation"), ("Thread.sleep", "wait for an event"),
        ]
        var found = banned.flatMap { call, advice in
            findings(in: file, "\(call) is banned: \(advice)") { code($0).contains(call) }
        }
        if !file.isBelow(["Sources/vinculum", "Sources/Trainer", "Sources/Benchmarks", "Sources/TrainingBench"]) {
            found += findings(in: file, "print( is banned here: log it") { line in
                code(line).split(separator: " ").contains { $0.hasPrefix("print(") }
            }
        }
        return found
    }

    /// A `!` after a name, a call or an index: ends the process where the value is nil.
    static func forcedUnwraps(_ file: TrackedFile) -> [Finding] {
        guard file.isSwift, file.isBelow(["Sources", "Plugins"]) else { return [] }
        return findings(in: file, "forced: use guard, ?? or throw") { line in
            let code = Array(code(line))
            return code.indices.dropFirst().contains { index in
                guard code[index] == "!" else { return false }
                let (before, after) = (code[index - 1], index + 1 < code.count ? code[index + 1] : " ")
                let isValue = before.isLetter || before.isNumber || before == "_" || before == ")" || before == "]"
                // `!=` compares, `try!` and `as!` are banned by name.
                return isValue && after != "="
            }
        }
    }

    /// Claims that the compiler cannot check stand beside the argument for them.
    static func unarguedClaims(_ file: TrackedFile) -> [Finding] {
        guard file.isSwift, file.isBelow(["Sources", "Plugins"]) else { return [] }
        let lines = file.lines
        return lines.indices.compactMap { index in
            guard ["@unchecked Sendable", "nonisolated(unsafe)"].contains(where: { code(lines[index]).contains($0) })
            else { return nil }
            let near = lines[max(0, index - 8)...min(lines.count - 1, index + 2)]
            if near.contains(where: { $0.contains("//") }) { return nil }
            return Finding(path: file.path, line: index + 1, message: "unchecked: write the argument beside it")
        }
    }

    /// What belongs to the workplace and not to the project.
    static func workplaceNames(_ file: TrackedFile) -> [Finding] {
        guard !isAboutRules(file) else { return [] }
        // In halves, so that this file does not name them either.
        let names: [String] = [
            "/" + "work/", "/" + "home/", "pypi" + ".org", "python" + "hosted", "deb.debian" + ".org",
        ]
        return findings(in: file, "names a machine's path or a registry's host") { line in
            names.contains { line.contains($0) }
        }
    }

    static func largeFiles(_ file: TrackedFile) -> [Finding] {
        let limit = 512 * 1_024
        return file.byteCount > limit
            ? [Finding(path: file.path, message: "\(file.byteCount) bytes, at most \(limit): make or install it")] : []
    }

    // MARK: Helpers

    /// This suite names what it bans.
    private static func isAboutRules(_ file: TrackedFile) -> Bool { file.isBelow(["Tests/Tidy"]) }

    /// A line without its comment and without what stands between quotes.
    static func code(_ line: Substring) -> Substring {
        var kept = ""
        var quoted = false
        var previous: Character = " "
        for character in line {
            if character == "\"", previous != "\\" { quoted.toggle() }
            if !quoted {
                if character == "/", previous == "/" {
                    kept.removeLast()
                    break
                }
                kept.append(character)
            }
            previous = character
        }
        return kept[...]
    }

    private static func findings(
        in file: TrackedFile, _ message: String, where isBad: (Substring) -> Bool
    ) -> [Finding] {
        file.lines.enumerated().compactMap { index, line in
            isBad(line) ? Finding(path: file.path, line: index + 1, message: message) : nil
        }
    }
}
