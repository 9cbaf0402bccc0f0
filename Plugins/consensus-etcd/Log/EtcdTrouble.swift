/// What keeps the log from its work, as the operator reads it in the node's health.
package enum EtcdTrouble: Error, Hashable, Sendable, CustomStringConvertible {
    /// The operator has named no endpoint.
    case noEndpoints
    /// Nothing answers there.
    case unreachable(endpoint: String, reason: String)
    /// TLS: one of the two does not trust the other, or does not speak it.
    case untrusted(endpoint: String, reason: String)
    /// Something answers, and it is not etcd.
    case notEtcd(endpoint: String, reason: String)
    /// The user or the password is wrong, or there has to be one.
    case refusedCredentials(endpoint: String, reason: String)
    /// The user may not use keys under the prefix.
    case notPermitted(endpoint: String, reason: String)
    /// The member cannot reach a majority of its cluster.
    case noQuorum(endpoint: String, reason: String)
    /// The cluster takes no more.
    case full(endpoint: String, reason: String)
    /// A key of this chain holds what no validator wrote.
    case foreignValue(key: String)
    /// Any other answer.
    case refused(endpoint: String, reason: String)

    package var description: String {
        switch self {
        case .noEndpoints:
            "no etcd endpoint is configured: set endpoints in [plugin.\"org.vinculum.consensus-etcd\"] of node.toml"
        case .unreachable(let endpoint, let reason): "etcd at \(endpoint) is not reached: \(reason)"
        case .untrusted(let endpoint, let reason): "TLS with \(endpoint) fails: \(reason)"
        case .notEtcd(let endpoint, let reason): "\(endpoint) is not an etcd gateway: \(reason)"
        case .refusedCredentials(let endpoint, let reason): "etcd at \(endpoint) refuses user or password: \(reason)"
        case .notPermitted(let endpoint, let reason): "etcd at \(endpoint) refuses the user these keys: \(reason)"
        case .noQuorum(let endpoint, let reason): "etcd at \(endpoint) has no majority of its members: \(reason)"
        case .full(let endpoint, let reason): "etcd at \(endpoint) takes no more: \(reason)"
        case .foreignValue(let key): "the etcd key \(key) holds what no validator wrote; its round is passed over"
        case .refused(let endpoint, let reason): "etcd at \(endpoint) refuses a request: \(reason)"
        }
    }

    /// From an answer that is no success.
    init(endpoint: String, status: Int, body: [UInt8]) {
        guard let answer = JSON(body), let message = answer["message"]?.text ?? answer["error"]?.text else {
            let line = body.prefix { $0 != 0x0a && $0 != 0x0d }.prefix(200)
            let words = String(decoding: line.map { (0x20...0x7e).contains($0) ? $0 : 0x3f }, as: UTF8.self)
            // In plain text: etcd maps no certificate's name to a user here, and says so.
            if words.contains("CommonName") {
                self = .refusedCredentials(endpoint: endpoint, reason: words)
            } else {
                self = .notEtcd(endpoint: endpoint, reason: "it answers \(status) \(words)")
            }
            return
        }
        self.init(endpoint: endpoint, code: answer["code"]?.integer ?? 0, message: message)
    }

    /// - Parameter code: gRPC's.
    init(endpoint: String, code: Int64, message: String) {
        let knows = { (word: String) in message.contains(word) }
        if code == 16 || knows("authentication failed") || knows("invalid auth token") || knows("user name is empty")
            || knows("authentication is not enabled") || knows("revision in header is old")
        {
            self = .refusedCredentials(endpoint: endpoint, reason: message)
        } else if code == 7 {
            self = .notPermitted(endpoint: endpoint, reason: message)
        } else if code == 8 || knows("space exceeded") {
            self = .full(endpoint: endpoint, reason: message)
        } else if code == 1 {
            self = .unreachable(endpoint: endpoint, reason: message)
        } else if code == 14 || code == 4 || knows("no leader") || knows("timed out") {
            self = .noQuorum(endpoint: endpoint, reason: message)
        } else {
            self = .refused(endpoint: endpoint, reason: message)
        }
    }
}
