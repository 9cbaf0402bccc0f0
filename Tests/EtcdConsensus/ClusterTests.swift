import EtcdEngine
import EtcdLog
import Glibc
import PluginKit
import Synchronization
import TestSupport
import Testing

/// The log over a real cluster of three members: what it promises while they are killed, paused, locked and wiped.
@Suite(.enabled(if: EtcdCluster.isThere, Comment(rawValue: EtcdCluster.missing)), .serialized)
struct ClusterTests {
    /// Two validators' logs and what they were told.
    private final class Client {
        let log: EtcdLog
        private(set) var events: [LogEvent] = []

        init(_ settings: EtcdSettings, follow height: UInt64 = 1, cutter: UInt8? = nil) {
            log = EtcdLog(settings, hasNews: {}, hasTrouble: { _ in })
            log.submit([.follow(chain: ClusterTests.chain, height: height, cutter: cutter.map { ClusterTests.id($0) })])
        }

        deinit { log.stop() }

        func has(_ event: LogEvent) -> Bool {
            events += log.take()
            return events.contains(event)
        }

        /// Waits until something holds; answers how long it took.
        @discardableResult
        func wait(_ timeout: Duration = .seconds(15), _ holds: (Client) -> Bool) throws -> Duration {
            let start = ContinuousClock.now
            while ContinuousClock.now - start < timeout {
                if holds(self) { return ContinuousClock.now - start }
                usleep(2_000)
            }
            throw EtcdCluster.Trouble(
                description: "waited \(timeout): trouble \(String(describing: log.trouble)), told \(events)")
        }

        @discardableResult
        func wait(for event: LogEvent, _ timeout: Duration = .seconds(15)) throws -> Duration {
            try wait(timeout) { $0.has(event) }
        }

        func wait(forTrouble fits: @escaping (EtcdTrouble?) -> Bool) throws { try wait { fits($0.log.trouble) } }
    }

    private static let chain = id(200)

    private static func id(_ number: UInt8) -> Bytes32 { Bytes32([UInt8](repeating: number, count: 32)) ?? .zero }

    private static func place(_ height: UInt64, _ round: UInt32 = 0) -> LogPlace {
        LogPlace(height: height, round: round)
    }

    private func settings(_ cluster: EtcdCluster, _ change: (inout EtcdSettings) -> Void = { _ in }) -> EtcdSettings {
        var settings = EtcdSettings()
        settings.endpoints = cluster.endpoints
        settings.requestTimeoutMilliseconds = 1_000
        change(&settings)
        return settings
    }

    private func bytes(_ path: String) throws -> [UInt8] {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        return Array(buffer[..<fread(&buffer, 1, buffer.count, file)])
    }

    @Test("ETC-1 ETC-2: the first entry of a place stays, all see it at once, and one cutter is named to all")
    func appendsAndTells() throws {
        let cluster = try EtcdCluster()
        try cluster.start()
        let one = Client(settings(cluster), cutter: 1)
        let other = Client(settings(cluster) { $0.endpoints.reverse() }, cutter: 2)
        try one.wait { $0.has(.cutter(Self.id(1))) || $0.has(.cutter(Self.id(2))) }
        one.log.submit([.append(Self.place(1), Self.id(11))])
        try one.wait(for: .entry(Self.place(1), .block(Self.id(11))))
        try other.wait(for: .entry(Self.place(1), .block(Self.id(11))))
        // Too late: what stands there is what comes back.
        other.log.submit([.append(Self.place(1), Self.id(12))])
        other.log.submit([
            .follow(chain: Self.chain, height: 2, cutter: Self.id(2)), .append(Self.place(2), Self.id(22)),
        ])
        try one.wait(for: .entry(Self.place(2), .block(Self.id(22))))
        #expect(!one.has(.entry(Self.place(1), .block(Self.id(12)))))
        let stored = try cluster.read(prefix: "vinculum/").map(\.value)
        #expect(stored.filter { $0.hasPrefix("1 ") }.count == 2, "\(stored)")
    }

    @Test("ETC-2: both race for every place, and agree on each")
    func race() throws {
        let cluster = try EtcdCluster()
        try cluster.start()
        let clients = [Client(settings(cluster)), Client(settings(cluster) { $0.endpoints.reverse() })]
        for height in 1...40 as ClosedRange<UInt64> {
            for (index, client) in clients.enumerated() {
                client.log.submit([
                    .follow(chain: Self.chain, height: height, cutter: nil),
                    .append(Self.place(height), Self.id(UInt8(index + 1))),
                ])
            }
            var seen: Set<LogEntry> = []
            for client in clients {
                try client.wait { client in
                    for id in [1, 2] as [UInt8] where client.has(.entry(Self.place(height), .block(Self.id(id)))) {
                        seen.insert(.block(Self.id(id)))
                    }
                    return !seen.isEmpty
                }
            }
            usleep(3_000)
            for client in clients {
                for id in [1, 2] as [UInt8] where client.has(.entry(Self.place(height), .block(Self.id(id)))) {
                    seen.insert(.block(Self.id(id)))
                }
            }
            #expect(seen.count == 1, "height \(height): \(seen)")
        }
    }

    @Test("ETC-3: goes on when the member in use is killed or paused, stops without a majority, and goes on with one")
    func survivesMembers() throws {
        let cluster = try EtcdCluster()
        try cluster.start()
        let client = Client(settings(cluster))
        func append(_ height: UInt64, _ timeout: Duration = .seconds(20)) throws {
            client.log.submit([
                .follow(chain: Self.chain, height: height, cutter: nil),
                .append(Self.place(height), Self.id(UInt8(height))),
            ])
            try client.wait(for: .entry(Self.place(height), .block(Self.id(UInt8(height)))), timeout)
        }
        try append(1)
        cluster.kill(0)
        try append(2)
        cluster.send(SIGSTOP, to: 1)
        // One of three is left: nothing is written, and the operator hears why.
        client.log.submit([
            .follow(chain: Self.chain, height: 3, cutter: nil), .append(Self.place(3), Self.id(3)),
        ])
        try client.wait(forTrouble: { $0 != nil })
        #expect(!client.has(.entry(Self.place(3), .block(Self.id(3)))))
        cluster.send(SIGCONT, to: 1)
        try append(3)
        try cluster.start(0)
        cluster.send(SIGSTOP, to: 2)
        try append(4, .seconds(30))
        cluster.send(SIGCONT, to: 2)
        try client.wait(forTrouble: { $0 == nil })
    }

    @Test("ETC-2: the cutter's lease runs out when it is gone, and another is named")
    func cutterChanges() throws {
        let cluster = try EtcdCluster(members: 1)
        try cluster.start()
        var first: Client? = Client(settings(cluster) { $0.leaseSeconds = 2 }, cutter: 1)
        try first?.wait(for: .cutter(Self.id(1)))
        let second = Client(settings(cluster) { $0.leaseSeconds = 2 }, cutter: 2)
        try second.wait(for: .cutter(Self.id(1)))
        // In order: at once, since the lease is given back.
        first = nil
        #expect(try second.wait(for: .cutter(Self.id(2))) < .seconds(2))
    }

    @Test("ETC-4: a wiped cluster is seen, and what is written anew is told")
    func wiped() throws {
        let cluster = try EtcdCluster(members: 1)
        try cluster.start()
        let client = Client(settings(cluster))
        client.log.submit([.append(Self.place(1), Self.id(1))])
        try client.wait(for: .entry(Self.place(1), .block(Self.id(1))))
        cluster.wipe()
        try client.wait(forTrouble: { $0 != nil })
        try cluster.start()
        try client.wait(forTrouble: { $0 == nil })
        client.log.submit([.append(Self.place(1), Self.id(2))])
        try client.wait(for: .entry(Self.place(1), .block(Self.id(2))))
    }

    @Test("ETC-5: with a certificate of the right authority and a password, a token that is lost is had again")
    func secured() throws {
        let cluster = try EtcdCluster(tls: true)
        try cluster.start()
        try cluster.requirePasswords("right", prefix: "vinculum/")
        let (authority, certificate, key) =
            (try bytes(cluster.authority), try bytes(cluster.certificate), try bytes(cluster.certificateKey))
        func secure(_ settings: inout EtcdSettings) {
            settings.authority = authority
            settings.certificate = certificate
            settings.certificateKey = key
            settings.user = "vinculum"
            settings.password = Array("right".utf8)
        }
        let client = Client(settings(cluster, secure), cutter: 1)
        client.log.submit([.append(Self.place(1), Self.id(1))])
        try client.wait(for: .entry(Self.place(1), .block(Self.id(1))))
        // Whoever comes back has forgotten the tokens that it gave.
        for index in 0..<3 { cluster.kill(index) }
        try cluster.start()
        client.log.submit([
            .follow(chain: Self.chain, height: 2, cutter: Self.id(1)), .append(Self.place(2), Self.id(2)),
        ])
        try client.wait(for: .entry(Self.place(2), .block(Self.id(2))), .seconds(30))

        let wrong = Client(
            settings(cluster) {
                secure(&$0); $0.password = Array("wrong".utf8)
            })
        try wrong.wait(forTrouble: { if case .refusedCredentials = $0 { true } else { false } })
        let nobody = Client(
            settings(cluster) {
                secure(&$0); ($0.user, $0.password) = ("", [])
            })
        try nobody.wait(forTrouble: { if case .refusedCredentials = $0 { true } else { false } })
        let elsewhere = Client(
            settings(cluster) {
                secure(&$0); $0.keyPrefix = "others/"
            })
        try elsewhere.wait(forTrouble: { if case .notPermitted = $0 { true } else { false } })
        let other = try bytes(cluster.folder.path("other-ca.pem"))
        let distrustful = Client(
            settings(cluster) {
                secure(&$0); $0.authority = other
            })
        try distrustful.wait(forTrouble: { if case .untrusted = $0 { true } else { false } })
        let uncertified = Client(
            settings(cluster) {
                secure(&$0); ($0.certificate, $0.certificateKey) = ([], [])
            })
        try uncertified.wait(forTrouble: { $0 != nil })
        #expect(uncertified.log.trouble.map { "\($0)".contains("etcd") || "\($0)".contains("TLS") } == true)
    }

    @Test("ETC-6: names what is no etcd, what does not answer, and what strangers wrote")
    func badNeighbours() throws {
        let cluster = try EtcdCluster(members: 1)
        try cluster.start()
        // Something that speaks HTTP and is no etcd.
        let server = try Command(
            "python3", ["-m", "http.server", "0", "--bind", "127.0.0.1"], environment: ["PYTHONUNBUFFERED": "1"],
            folder: cluster.folder.root
        ).start()
        defer {
            server.send(SIGKILL)
            _ = server.wait()
        }
        var port: String?
        for _ in 0..<200 where port == nil {
            usleep(20_000)
            port = server.outputSoFar.split(separator: " ").drop { $0 != "port" }.dropFirst().first.map(String.init)
        }
        let found = try #require(port)
        let lost = Client(settings(cluster) { $0.endpoints = ["http://127.0.0.1:\(found)"] })
        try lost.wait(forTrouble: { if case .notEtcd = $0 { true } else { false } })
        let nobody = Client(settings(cluster) { $0.endpoints = ["http://127.0.0.1:1"] })
        try nobody.wait(forTrouble: { if case .unreachable = $0 { true } else { false } })
        let none = Client(settings(cluster) { $0.endpoints = [] })
        try none.wait(forTrouble: { $0 == .noEndpoints })
        // A bad one first is no trouble where a good one follows.
        let client = Client(settings(cluster) { $0.endpoints = ["http://127.0.0.1:1"] + cluster.endpoints })
        let keys = EtcdKeys(prefix: "vinculum/", chain: Self.chain)
        try cluster.put(keys.entry(Self.place(1)), "not ours")
        try client.wait(for: .entry(Self.place(1), .foreign))
        try client.wait(forTrouble: { $0 == .foreignValue(key: keys.entry(Self.place(1))) })
        client.log.submit([.append(Self.place(1, 1), Self.id(7))])
        try client.wait(for: .entry(Self.place(1, 1), .block(Self.id(7))))
        client.log.submit([.follow(chain: Self.chain, height: 2, cutter: nil)])
        try client.wait(forTrouble: { $0 == nil })
    }

    @Test("ETC-7: old entries and revisions leave the cluster, and those of other chains stay")
    func cleans() throws {
        let cluster = try EtcdCluster(members: 1)
        try cluster.start()
        let other = EtcdKeys(prefix: "vinculum/", chain: Self.id(201))
        try cluster.put(other.entry(Self.place(1)), EtcdKeys.value(Self.id(9)))
        let client = Client(settings(cluster) { $0.keptHeights = 16 }, cutter: 1)
        try client.wait(for: .cutter(Self.id(1)))
        for height in 1...120 as ClosedRange<UInt64> {
            client.log.submit([
                .follow(chain: Self.chain, height: height, cutter: Self.id(1)),
                .append(Self.place(height), Self.id(UInt8(height))),
            ])
            try client.wait(for: .entry(Self.place(height), .block(Self.id(UInt8(height)))))
        }
        let own = EtcdKeys(prefix: "vinculum/", chain: Self.chain)
        try client.wait { _ in
            (try? cluster.read(prefix: own.entry(Self.place(0)).split(separator: "b/").first.map { "\($0)b/" } ?? "x"))
                .map { $0.count < 60 } ?? false
        }
        #expect(try cluster.read(prefix: other.entry(Self.place(1))).count == 1)
        // An early revision is gone.
        let answer = try cluster.call("/v3/kv/range", "{\"key\":\"YQ==\",\"revision\":\"2\"}")
        #expect(answer.contains("compacted"), "\(answer)")
    }
}
