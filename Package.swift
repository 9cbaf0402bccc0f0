// swift-tools-version: 6.2
import PackageDescription

// A target for a room of the house: an import that points up does not compile, because the manifest does not list it.

/// Every target of ours: Swift 6, and a warning is an error.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

/// Targets whose loops decide the speed of a node or of a test: optimised in debug builds too.
let strictAndHot: [SwiftSetting] = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// Undefined behaviour of our C becomes a trap where a check asks for it. Not that of libraries, which is theirs.
let undefinedBehaviour =
    Context.environment["VINCULUM_CHECK"] == "undefined"
    ? ["-fsanitize=undefined", "-fsanitize-trap=undefined"] : []

let strictC: [CSetting] = [
    .unsafeFlags(
        ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O3", "-ffp-contract=off", "-fno-math-errno"] + undefinedBehaviour)
]

/// A plugin exports one symbol and is never unloaded.
let pluginLinker: [LinkerSetting] = [
    .unsafeFlags([
        "-Xlinker", "--version-script=\(Context.packageDirectory)/Plugins/plugin.map",
        "-Xlinker", "-z", "-Xlinker", "nodelete",
    ])
]

/// A plugin in Swift sees the ABI and its Swift face, and nothing of the node.
func plugin(
    _ target: String, _ folder: String, uses: [Target.Dependency] = [], elsewhere: [String] = []
) -> Target {
    .target(
        name: target, dependencies: ["CVinculum", "PluginKit"] + uses, path: "Plugins/\(folder)",
        exclude: ["README.md", "plugin.toml"] + elsewhere, sources: ["Sources"], swiftSettings: strictAndHot,
        linkerSettings: pluginLinker)
}

func pluginProduct(_ folder: String, _ target: String) -> Product {
    .library(name: folder, type: .dynamic, targets: [target])
}

/// A module of the ledger; the list of dependencies is the order in which modules may use one another.
func module(_ name: String, uses modules: [String] = []) -> Target {
    .target(
        name: name, dependencies: ["Ledger", "Primitives"] + modules.map { .init(stringLiteral: $0) },
        path: "Sources/Modules/\(name)", swiftSettings: strictAndHot)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies + ["TestSupport"], path: "Tests/\(name)",
        exclude: exclude, swiftSettings: strict
    )
}

let package = Package(
    name: "vinculum",
    products: [
        .executable(name: "vinculum", targets: ["vinculum"]),
        .executable(name: "vinculum-trainer", targets: ["vinculum-trainer"]),
        .executable(name: "vinculum-bench", targets: ["vinculum-bench"]),
        pluginProduct("consensus-solo", "ConsensusSolo"),
        pluginProduct("consensus-pos", "ConsensusPoS"),
        pluginProduct("consensus-poc", "ConsensusPoC"),
        pluginProduct("consensus-etcd", "ConsensusEtcd"),
        pluginProduct("privacy-dp", "PrivacyDP"),
        pluginProduct("verify-spotcheck", "VerifySpotcheck"),
        pluginProduct("runtime-process", "RuntimeProcess"),
        // Engines with bugs on purpose, for tests alone: nothing installs them.
        .library(name: "planted-engines", type: .dynamic, targets: ["PlantedEngines"]),
    ],
    dependencies: [
        // The command line: parsing, help, completions and man pages of the standard that Swift users know.
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        // TOML for people (configuration, policies, jobs, manifests): toml++ behind a Swift face.
        .package(url: "https://github.com/LebJe/TOMLKit", from: "0.6.0"),
        // Log lines with levels and fields, as every Swift server library writes them.
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        // Sockets, event loops and timers for the peer-to-peer network; hummingbird brings the same package.
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        // The HTTP server on swift-nio; no traits, so that it brings neither configuration nor full Foundation.
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    targets: [
        // Interfaces and C libraries.
        .systemLibrary(name: "CVinculum", path: "Sources/CVinculum"),
        // Ed25519, BLAKE2b, ChaCha20 and a random source, from Debian: the fastest verification that was measured.
        .systemLibrary(
            name: "CSodium", path: "Sources/CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
        // The ledger's file format, through its C API.
        .systemLibrary(
            name: "CSQLite", path: "Sources/CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
        // The HTTP client of sites and of the command line, over TCP and Unix sockets.
        .systemLibrary(
            name: "CCurl", path: "Sources/CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        // Debian ships data sets as gzip files.
        .systemLibrary(name: "CZlib", path: "Sources/CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .target(name: "CKernels", path: "Sources/CKernels", cSettings: strictC),

        // The ledger, from the bottom up.
        .target(name: "Primitives", dependencies: ["CSodium"], path: "Sources/Primitives", swiftSettings: strictAndHot),
        .target(
            name: "Storage", dependencies: ["Primitives", "CSQLite"], path: "Sources/Storage",
            swiftSettings: strictAndHot),
        .target(
            name: "Ledger", dependencies: ["Primitives", "Storage"], path: "Sources/Ledger",
            swiftSettings: strictAndHot),
        module("Tokens"),
        module("Reputation", uses: ["Tokens"]),
        module("Staking", uses: ["Tokens", "Reputation"]),
        module("Consensus", uses: ["Staking"]),
        module("Privacy", uses: ["Tokens"]),
        module("Federation", uses: ["Tokens", "Reputation", "Privacy"]),
        module("Market", uses: ["Tokens", "Reputation"]),

        // Training, plugins, tasks.
        .target(
            name: "Training", dependencies: ["CKernels", "CZlib", "Primitives"], path: "Sources/Training",
            swiftSettings: strictAndHot),
        // What Swift cannot call itself: sealed memory files, confinement of children, death with the parent.
        .target(name: "CIsolation", path: "Sources/CIsolation", cSettings: strictC),
        .target(name: "PluginKit", dependencies: ["CVinculum"], path: "Sources/PluginKit", swiftSettings: strictAndHot),
        .target(
            name: "PluginHost",
            dependencies: [
                "CVinculum", "CIsolation", "CSodium", "Primitives", .product(name: "TOMLKit", package: "TOMLKit"),
            ], path: "Sources/PluginHost", swiftSettings: strictAndHot),
        .target(
            name: "TaskRunner", dependencies: ["PluginHost", "Primitives"], path: "Sources/TaskRunner",
            swiftSettings: strict),

        // Networks of engines in virtual time, with faults from a seed. What is driven is bytes in and bytes out, so
        // that a library behind the plugin interface fits as well as a value.
        .target(
            name: "Simulator", dependencies: ["PluginHost", "Primitives"], path: "Sources/Simulator",
            swiftSettings: strictAndHot),

        // Peers: libp2p on the wire. Knows peers and bytes, not blocks.
        .target(
            name: "PeerNetwork",
            dependencies: [
                "Primitives", "CSodium", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "Logging", package: "swift-log"),
            ], path: "Sources/PeerNetwork", swiftSettings: strictAndHot),

        // The node and its faces.
        .target(
            name: "Node",
            dependencies: [
                "Primitives", "Ledger", "Tokens", "Reputation", "Staking", "Consensus", "Privacy", "Federation",
                "Market",
                "PluginHost", "PeerNetwork", "Storage", "TaskRunner", "Training",
                .product(name: "TOMLKit", package: "TOMLKit"),
                .product(name: "Logging", package: "swift-log"),
            ], path: "Sources/Node", swiftSettings: strict),
        .target(
            name: "NodeAPI",
            dependencies: ["Node", "Primitives", "CCurl", .product(name: "Hummingbird", package: "hummingbird")],
            path: "Sources/NodeAPI", exclude: ["openapi.yaml"], swiftSettings: strict),
        .executableTarget(
            name: "vinculum",
            dependencies: [
                "NodeAPI", "Node", "PluginHost", "Simulator", "CIsolation", "Training", "Federation", "Market",
                "Privacy", "Staking", "Consensus", "Tokens", "Ledger", "Primitives",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/vinculum", swiftSettings: strict),
        .executableTarget(
            name: "vinculum-training-bench", dependencies: ["Training"], path: "Sources/TrainingBench",
            swiftSettings: strictAndHot),
        // Linked with the Swift runtime inside, so that a sandbox needs to show it no toolchain.
        .executableTarget(
            name: "vinculum-trainer", dependencies: ["Training", "Primitives"], path: "Sources/Trainer",
            swiftSettings: strictAndHot, linkerSettings: [.unsafeFlags(["-static-stdlib"])]),

        // Ratios of our speed to the limits of the machine and to peers.
        .executableTarget(
            name: "vinculum-bench",
            dependencies: [
                "Ledger", "Tokens", "Storage", "Primitives", "Training", "PluginHost", "PeerNetwork", "Node",
                "NodeAPI", "CVinculum", "CSodium", .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "Logging", package: "swift-log"),
            ],
            path: "Sources/Benchmarks", swiftSettings: strictAndHot),

        // Plugins.
        plugin("ConsensusSolo", "consensus-solo"),
        // Byzantine-fault-tolerant agreement, for plugins; linked into each.
        .target(
            name: "BFTEngine", dependencies: ["CVinculum", "PluginKit"], path: "Plugins/Shared/BFTEngine",
            swiftSettings: strictAndHot),
        plugin("ConsensusPoS", "consensus-pos", uses: ["BFTEngine"]),
        plugin("ConsensusPoC", "consensus-poc", uses: ["BFTEngine"]),
        // Blocks in the order of an etcd cluster: the engine above a log, and the log.
        .target(
            name: "EtcdEngine", dependencies: ["CVinculum", "PluginKit"], path: "Plugins/consensus-etcd/Engine",
            swiftSettings: strictAndHot),
        .target(
            name: "EtcdLog", dependencies: ["EtcdEngine", "PluginKit", "CCurl"], path: "Plugins/consensus-etcd/Log",
            swiftSettings: strictAndHot),
        plugin("ConsensusEtcd", "consensus-etcd", uses: ["EtcdEngine", "EtcdLog"], elsewhere: ["Engine", "Log"]),
        plugin("PrivacyDP", "privacy-dp", uses: ["CSodium"]),
        plugin("VerifySpotcheck", "verify-spotcheck"),
        // Runs between fork and exec, where Swift may not: the process that watches over a sandbox.
        .target(name: "CSandbox", path: "Plugins/runtime-process/CSandbox", cSettings: strictC),
        plugin("RuntimeProcess", "runtime-process", uses: ["CSodium", "CSandbox"], elsewhere: ["CSandbox"]),

        // Tests.
        .target(name: "TestSupport", path: "Tests/Support", swiftSettings: strict),
        tests("Primitives", ["Primitives"], exclude: ["Fixtures"]),
        tests("Storage", ["Storage"]),
        // A ledger in memory that tests and fuzz targets share.
        .target(
            name: "LedgerSupport", dependencies: ["Ledger", "Primitives"], path: "Tests/Ledger/Support",
            swiftSettings: strictAndHot),
        tests(
            "Ledger", ["Ledger", "LedgerSupport", "Storage", "Tokens", "Reputation", "Staking", "Consensus"],
            exclude: ["Support"]),
        tests(
            "Modules",
            [
                "Ledger", "LedgerSupport", "Tokens", "Reputation", "Staking", "Consensus", "Privacy", "Federation",
                "Market",
            ]),
        tests(
            "PeerNetwork",
            [
                "PeerNetwork", "Primitives", "CSodium", .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"), .product(name: "NIOEmbedded", package: "swift-nio"),
            ], exclude: ["Interop/libp2p_peer.py", "Interop/libp2p_gossip.py"]),
        tests("Training", ["Training", "CKernels", "Primitives"]),
        .executableTarget(
            name: "plugin-child", dependencies: ["PluginHost"], path: "Tests/PluginChild", swiftSettings: strict),
        .testTarget(
            name: "PluginHostTests",
            dependencies: [
                "PluginHost", "PluginKit", "TaskRunner", "CVinculum", "CSodium", "Primitives", "plugin-child",
                "TestSupport",
            ], path: "Tests/PluginHost", exclude: ["Broken", "Layout"], swiftSettings: strict),
        tests("Plugins", ["PluginHost", "PluginKit", "PrivacyDP", "CVinculum", "CSodium"]),
        tests(
            "BFTEngine",
            ["BFTEngine", "Simulator", "PluginKit", "PluginHost", "Primitives", "Ledger", "CVinculum"]),
        // The engine once more, from the same files, with places for the bugs that the simulator must find.
        .target(
            name: "PlantedEngines", dependencies: ["CVinculum", "PluginKit"], path: "Tests/PlantedEngines",
            swiftSettings: strictAndHot + [.define("PLANTED_BUGS")], linkerSettings: pluginLinker),
        tests("Simulator", ["Simulator", "PluginHost", "Primitives", "BFTEngine"]),
        tests(
            "EtcdConsensus",
            [
                "EtcdEngine", "EtcdLog", "Simulator", "PluginKit", "PluginHost", "Primitives", "CVinculum",
            ]),
        tests(
            "Node",
            [
                "Node", "NodeAPI", "Federation", "Ledger", "LedgerSupport", "PeerNetwork", "PluginHost", "Primitives",
                "Privacy", "Reputation", "Staking", "Storage", "TaskRunner", "Tokens", "Training",
                .product(name: "Logging", package: "swift-log"),
            ]),
        .target(
            name: "NodeAPIFixture", dependencies: ["NodeAPI", "Node", "Primitives"], path: "Tests/NodeAPI/Fixture",
            swiftSettings: strict),
        tests(
            "NodeAPI", ["NodeAPI", "NodeAPIFixture", "Node", "PluginHost", "Federation", "Privacy", "Primitives"],
            exclude: ["Fixture"]),
        tests(
            "CommandLine",
            [
                "vinculum", "NodeAPI", "NodeAPIFixture", "Node", "Federation", "Market", "Privacy", "Staking",
                "Consensus",
                "Ledger", "Primitives",
            ],
            exclude: ["Snapshots"]),
        tests("Tidy", []),
        tests("Acceptance", ["NodeAPI", "Node"]),

        // Fuzzing: what takes bytes from outside, as functions that tests call too.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "Ledger", "LedgerSupport", "Tokens", "Reputation", "Staking", "Consensus", "Privacy", "Federation",
                "Market",
                "Training", "CZlib",
                "PluginHost", "PeerNetwork", "Node", "Primitives", .product(name: "NIOCore", package: "swift-nio"),
            ], path: "Tests/Fuzz/Targets", swiftSettings: strictAndHot),
        .target(
            name: "FuzzInterface", dependencies: ["FuzzTargets", "NodeAPI", "NodeAPIFixture", "Node", "Primitives"],
            path: "Tests/Fuzz/Interface", swiftSettings: strict),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzTargets", "FuzzInterface"], path: "Tests/Fuzz/Tests",
            swiftSettings: strict),
    ]
)

// libFuzzer's program exists where it is asked for: only a build with the sanitizer has what it links.
if let asked = Context.environment["VINCULUM_FUZZ"] {
    let interface = asked == "interface"
    package.targets += [
        .systemLibrary(name: "CFuzzer", path: "Tests/Fuzz/CFuzzer"),
        .executableTarget(
            name: "vinculum-fuzz", dependencies: ["CFuzzer", "FuzzTargets"] + (interface ? ["FuzzInterface"] : []),
            path: "Tests/Fuzz/Main", swiftSettings: strict + (interface ? [.define("FUZZ_INTERFACE")] : [])),
    ]
}

// A check with a sanitizer builds some test targets and what they need: VINCULUM_ONLY="LedgerTests StorageTests".
if let names = Context.environment["VINCULUM_ONLY"]?.split(separator: " ") {
    var kept: Set<String> = []
    var waiting = names.map(String.init)
    while let name = waiting.popLast() {
        guard let target = package.targets.first(where: { $0.name == name }), kept.insert(name).inserted else {
            continue
        }
        for dependency in target.dependencies {
            switch dependency {
            case .targetItem(let name, _), .byNameItem(let name, _): waiting.append(name)
            default: break
            }
        }
    }
    package.targets.removeAll { !kept.contains($0.name) }
    // Plugins that were asked for are built as libraries: tests load them.
    package.products.removeAll { product in
        guard let library = product as? Product.Library else { return true }
        return !kept.isSuperset(of: library.targets)
    }
}
