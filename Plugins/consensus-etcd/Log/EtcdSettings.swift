package import PluginKit

/// How this node's operator reaches the cluster; another operator may do it otherwise.
package struct EtcdSettings: Sendable, Equatable {
    /// `https://HOST:PORT`, each a member; what fails is left for the next.
    package var endpoints: [String] = []
    /// Before the chain's id in every key.
    package var keyPrefix = "vinculum/"
    package var user = ""
    package var password: [UInt8] = []
    /// PEM; empty for what the system trusts.
    package var authority: [UInt8] = []
    package var certificate: [UInt8] = []
    package var certificateKey: [UInt8] = []
    package var leaseSeconds: Int64 = 3
    package var requestTimeoutMilliseconds: Int64 = 2_000
    /// Entries of so many decided heights stay in the cluster.
    package var keptHeights: UInt64 = 1_000
    /// Whether the cluster forgets earlier revisions of its keys, of this chain and of all others.
    package var compacts = true

    package init() {}

    package init(_ settings: Settings) throws(PluginFailure) {
        var settings = settings
        let members = settings.text("endpoints") ?? ""
        endpoints = members.split(whereSeparator: { $0 == "," || $0 == " " }).map(String.init)
        if let prefix = settings.text("key_prefix") { keyPrefix = prefix }
        user = settings.text("user") ?? ""
        password = try Self.file(settings.text("password_file"), "password_file")
        while let last = password.last, last == 0x0a || last == 0x0d { password.removeLast() }
        authority = try Self.file(settings.text("ca_file"), "ca_file")
        certificate = try Self.file(settings.text("certificate_file"), "certificate_file")
        certificateKey = try Self.file(settings.text("key_file"), "key_file")
        if let value = try settings.integer("lease_s", in: 2...600) { leaseSeconds = value }
        if let value = try settings.integer("request_timeout_ms", in: 100...60_000) {
            requestTimeoutMilliseconds = value
        }
        if let value = try settings.integer("kept_heights", in: 16...1_000_000_000) { keptHeights = UInt64(value) }
        if let value = try settings.boolean("compact") { compacts = value }
        try settings.refuseOthers()
        try check()
    }

    private func check() throws(PluginFailure) {
        for endpoint in endpoints {
            let isPlain = endpoint.hasPrefix("http://")
            let host = endpoint.dropFirst(isPlain ? 7 : 8)
            guard isPlain || endpoint.hasPrefix("https://"), !host.isEmpty,
                host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"/@?#".utf8.contains($0) })
            else {
                throw PluginFailure(.invalid, "endpoints: \(endpoint) is not of the form https://HOST:PORT")
            }
            let isHere = ["127.0.0.1", "localhost", "[::1]"].contains { host == $0 || host.hasPrefix($0 + ":") }
            guard user.isEmpty || !isPlain || isHere else {
                throw PluginFailure(
                    .refused, "endpoints: \(endpoint) would send the password in the clear: use https")
            }
        }
        guard user.isEmpty == password.isEmpty else {
            throw PluginFailure(.invalid, "user and password_file go together")
        }
        guard certificate.isEmpty == certificateKey.isEmpty else {
            throw PluginFailure(.invalid, "certificate_file and key_file go together")
        }
        guard keyPrefix.utf8.count <= 200, !keyPrefix.isEmpty else {
            throw PluginFailure(.invalid, "key_prefix has 1 to 200 bytes")
        }
    }

    /// The host reads the file and writes its bytes in hexadecimal.
    private static func file(_ text: String?, _ key: String) throws(PluginFailure) -> [UInt8] {
        guard let digits = text.map({ Array($0.utf8) }), !digits.isEmpty else { return [] }
        guard digits.count.isMultiple(of: 2) else { throw PluginFailure(.invalid, "\(key) is not in hexadecimal") }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for start in stride(from: 0, to: digits.count, by: 2) {
            guard let byte = UInt8(String(decoding: digits[start..<start + 2], as: UTF8.self), radix: 16) else {
                throw PluginFailure(.invalid, "\(key) is not in hexadecimal")
            }
            bytes.append(byte)
        }
        return bytes
    }
}
