// swift-tools-version: 6.2
import Foundation
import PackageDescription

// The SDK that made this plugin: CVinculum and PluginKit, nothing of the node. VINCULUM_SDK names another.
let sdk = ProcessInfo.processInfo.environment["VINCULUM_SDK"] ?? "@SDK@"

let package = Package(
    name: "@NAME@",
    products: [.library(name: "@NAME@", type: .dynamic, targets: ["Plugin"])],
    dependencies: [.package(name: "vinculum-sdk", path: sdk)],
    targets: [
        .target(
            name: "Plugin",
            dependencies: [
                .product(name: "PluginKit", package: "vinculum-sdk"),
                .product(name: "CVinculum", package: "vinculum-sdk"),
            ],
            swiftSettings: [.swiftLanguageMode(.v6), .treatAllWarnings(as: .error)],
            linkerSettings: [
                .unsafeFlags([
                    "-Xlinker", "--version-script=\(Context.packageDirectory)/plugin.map",
                    "-Xlinker", "-z", "-Xlinker", "nodelete",
                ])
            ])
    ]
)
