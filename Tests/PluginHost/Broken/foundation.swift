// A deterministic kind that takes Foundation's clock and random numbers.
import Foundation

@_cdecl("vin_plugin_entry_v1")
public func entry() -> Int { Int(Date().timeIntervalSince1970) + UUID().uuidString.utf8.count }
