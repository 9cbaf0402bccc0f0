/// Rules about where things are and what they may use.
enum StructureRules {
    static let topLevel: Set<String> = [
        "Package.swift", "Sources", "Plugins", "Tests", "Packaging", "etc", "README.md", "LICENSE", "CHANGELOG.md",
    ]

    static func topLevelEntries(_ tree: SourceTree) -> [Finding] {
        let entries = Set(tree.files.map { String($0.path.prefix { $0 != "/" }) })
        return entries.filter { !$0.hasPrefix(".") && !topLevel.contains($0) }.sorted().map {
            Finding(path: $0, message: "not one of the rooms of the house")
        }
    }

    /// Rooms whose deployment must stay free of Foundation.
    static let withoutFoundation = [
        "Sources/Primitives", "Sources/Storage", "Sources/Ledger", "Sources/Modules", "Sources/Training",
        "Sources/PluginKit", "Sources/Trainer", "Sources/PeerNetwork", "Plugins",
    ]

    static func foundation(_ file: TrackedFile) -> [Finding] {
        guard file.isSwift, file.isBelow(withoutFoundation), imports(file).contains("Foundation") else { return [] }
        return [Finding(path: file.path, message: "imports Foundation, which this room does without")]
    }

    /// What one room alone may touch: the word, and the folders where it may stand.
    static let reserved: [(word: String, folders: [String])] = [
        // A benchmark compares a call through the host with one that is made directly.
        ("dlopen(", ["Sources/PluginHost", "Tests", "Sources/Benchmarks"]),
        ("dlsym(", ["Sources/PluginHost", "Tests", "Sources/Benchmarks"]),
        ("import CSQLite", ["Sources/Storage"]), ("sqlite3_", ["Sources/Storage"]),
    ]

    static func reservedCalls(_ file: TrackedFile) -> [Finding] {
        guard file.isSwift, file.isBelow(["Sources", "Plugins", "Tests"]) else { return [] }
        return reserved.flatMap { rule -> [Finding] in
            if file.isBelow(rule.folders) { return [] }
            return file.lines.enumerated().compactMap { index, line in
                guard TextRules.code(line).contains(rule.word) else { return nil }
                return Finding(
                    path: file.path, line: index + 1, message: "\(rule.word) belongs to \(rule.folders[0])")
            }
        }
    }

    /// The arrows of the house: what each room may import of the others. A room not named here may import none.
    static let arrows: [String: Set<String>] = {
        let modules: Set<String> = [
            "Tokens", "Reputation", "Staking", "Consensus", "Privacy", "Federation", "Market",
        ]
        let ledger: Set<String> = ["Ledger", "Storage", "Primitives"]
        let node = modules.union(ledger).union(["PeerNetwork", "PluginHost", "TaskRunner", "Training", "CVinculum"])
        return [
            "Primitives": [], "Storage": ["Primitives"], "Ledger": ["Primitives", "Storage"],
            "Modules/Tokens": ["Ledger", "Primitives"],
            "Modules/Reputation": ["Ledger", "Primitives", "Tokens"],
            "Modules/Staking": ["Ledger", "Primitives", "Tokens", "Reputation"],
            "Modules/Consensus": ["Ledger", "Primitives", "Staking"],
            "Modules/Privacy": ["Ledger", "Primitives", "Tokens"],
            "Modules/Federation": ["Ledger", "Primitives", "Tokens", "Reputation", "Privacy"],
            "Modules/Market": ["Ledger", "Primitives", "Tokens", "Reputation"],
            "PeerNetwork": ["Primitives"], "Training": ["Primitives", "CKernels"], "PluginKit": ["CVinculum"],
            "PluginHost": ["CVinculum", "Primitives"], "TaskRunner": ["PluginHost", "Primitives", "CVinculum"],
            "Simulator": ["PluginHost", "Primitives"],
            "Node": node, "NodeAPI": node.union(["Node"]), "vinculum": node.union(["Node", "NodeAPI", "Simulator"]),
            "Trainer": ["Training", "Primitives", "CKernels"], "Benchmarks": node.union(["Node", "NodeAPI"]),
            "TrainingBench": ["Training", "Primitives", "CKernels"],
        ]
    }()

    static let ours: Set<String> = Set(arrows.keys.map { String($0.split(separator: "/").last ?? "") })
        .union(["CVinculum", "CKernels"])

    static func upwardImports(_ file: TrackedFile) -> [Finding] {
        guard file.isSwift else { return [] }
        let parts = file.path.split(separator: "/").map(String.init)
        let room: String
        let allowed: Set<String>
        if parts.first == "Plugins" {
            (room, allowed) = ("a plugin", ["CVinculum", "PluginKit"])
        } else if parts.first == "Sources", parts.count > 2 {
            room = parts[1] == "Modules" ? "Modules/\(parts[2])" : parts[1]
            allowed = arrows[room] ?? []
        } else {
            return []
        }
        return imports(file).filter { ours.contains($0) && !allowed.contains($0) && !room.hasSuffix($0) }.sorted().map {
            Finding(path: file.path, message: "imports \($0), which \(room) may not see")
        }
    }

    /// Sources that no target compiles.
    static func orphanedSources(_ tree: SourceTree) -> [Finding] {
        guard let manifest = tree.files.first(where: { $0.path == "Package.swift" }) else { return [] }
        return tree.files.compactMap { file in
            let parts = file.path.split(separator: "/").map(String.init)
            guard file.isSwift, parts.count > 2, ["Sources", "Plugins", "Tests"].contains(parts[0]) else { return nil }
            let folder = parts[1] == "Modules" ? parts[2] : parts[1]
            if manifest.text.contains("\"\(folder)\"") || manifest.text.contains("/\(folder)\"") { return nil }
            // A folder of several targets.
            if parts.count > 3, manifest.text.contains("\"\(parts[0])/\(parts[1])/\(parts[2])\"") { return nil }
            return Finding(path: file.path, message: "no target of Package.swift names \(folder)")
        }
    }

    /// Folders whose files are found by listing them, with the reason.
    static let listedFolders = ["Sources/Vinculum.docc/Decisions": "decision records are numbered and read as a list"]

    /// Pages and scripts that no other file mentions by name.
    static func unmentioned(_ tree: SourceTree) -> [Finding] {
        // Found by convention rather than by a link.
        let conventional: Set<String> = ["README.md", "CHANGELOG.md", "plugin.toml", "Package.swift", "Makefile"]
        return tree.files.compactMap { file in
            let name = String(file.path.split(separator: "/").last ?? "")
            guard [".md", ".sh", ".py"].contains(where: { name.hasSuffix($0) }), !conventional.contains(name),
                !file.isBelow(Array(listedFolders.keys))
            else {
                return nil
            }
            // Pages of a DocC catalogue are linked by their name without the suffix.
            let stem = String(name.prefix { $0 != "." })
            let isMentioned = tree.files.contains { other in
                other.path != file.path && (other.text.contains(name) || other.text.contains("<doc:\(stem)>"))
            }
            return isMentioned ? nil : Finding(path: file.path, message: "no other file mentions it")
        }
    }

    static func imports(_ file: TrackedFile) -> Set<String> {
        Set(
            file.lines.compactMap { line in
                let words = line.split(separator: " ")
                guard let index = words.firstIndex(of: "import"), index <= 2, index + 1 < words.count,
                    words[..<index].allSatisfy({ $0.hasPrefix("@") || $0 == "public" || $0 == "internal" })
                else { return nil }
                return String(words[index + 1].prefix { $0 != "." })
            })
    }
}
