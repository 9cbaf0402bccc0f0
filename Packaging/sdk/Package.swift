// swift-tools-version: 6.2
import PackageDescription

// What authors of plugins in Swift build against: the headers and their Swift face, nothing of the node. Installed by
// the package vinculum-dev with CVinculum and PluginKit beside this file.

let package = Package(
    name: "vinculum-sdk",
    products: [
        .library(name: "PluginKit", type: .static, targets: ["PluginKit"]),
        .library(name: "CVinculum", targets: ["CVinculum"]),
    ],
    targets: [
        .systemLibrary(name: "CVinculum", path: "Sources/CVinculum"),
        .target(
            name: "PluginKit", dependencies: ["CVinculum"], path: "Sources/PluginKit",
            swiftSettings: [.swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny")]),
    ]
)
