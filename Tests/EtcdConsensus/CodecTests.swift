import EtcdEngine
import PluginKit
import Testing

@testable import EtcdLog

@Suite("Etcd's words and the engine's bytes")
struct CodecTests {
    private func id(_ number: UInt8) -> Bytes32 { Bytes32([UInt8](repeating: number, count: 32)) ?? .zero }

    private func numbers(_ seed: UInt64) -> () -> UInt64 {
        var state = seed
        return {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 24
        }
    }

    @Test("Base64 as RFC 4648 has it, and strictly")
    func base64() {
        let samples = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        for (plain, coded) in samples {
            #expect(Base64.encode(plain.utf8) == coded)
            #expect(Base64.decode(coded) == Array(plain.utf8))
        }
        for bad in ["Zg=", "Zg", "Zh==", "Z===", "Zm9v\n", "Zm-v", "=Zg="] {
            #expect(Base64.decode(bad) == nil, "\(bad)")
        }
        let next = numbers(1)
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8(truncatingIfNeeded: next()) }
            #expect(Base64.decode(Base64.encode(bytes)) == bytes)
        }
    }

    @Test("JSON is read, and what is none is refused, however deep")
    func json() {
        let text = #"{"a":[1,"2",{"b":null}],"c":"x\"\\\n\u0041","d":true,"e":-1.5e3}"#
        let value = JSON(Array(text.utf8))
        #expect(value?["a"]?.list[0].integer == 1 && value?["a"]?.list[1].integer == 2)
        #expect(value?["c"]?.text == "x\"\\\nA" && value?["d"] == .flag(true))
        for bad in ["", "{", "{\"a\"}", "[1,]", "\"\\x\"", "nul", "1 2", "{\"a\":1,}", "\"\u{1}\"", "[[", "{1:2}"] {
            #expect(JSON(Array(bad.utf8)) == nil, "\(bad)")
        }
        #expect(JSON(Array(String(repeating: "[", count: 100_000).utf8)) == nil)
        let quoted = "a\"b\\c\nd\u{1}é"
        #expect(JSON(Array(JSON.quote(quoted).utf8))?.text == quoted)
        let next = numbers(2)
        for _ in 0..<5_000 {
            var bytes = Array(text.utf8)
            for _ in 0..<(1 + next() % 4) {
                bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next())
            }
            _ = JSON(bytes)
        }
    }

    @Test("keys sort as heights and rounds do, and only such are read")
    func keys() {
        let keys = EtcdKeys(prefix: "vinculum/", chain: id(3))
        let places = [(1, 0), (1, 1), (2, 0), (9, 12), (10, 0), (1 << 40, 3)].map {
            LogPlace(height: $0.0, round: $0.1)
        }
        let texts = places.map { keys.entry($0) }
        #expect(texts == texts.sorted())
        for (place, text) in zip(places, texts) { #expect(keys.place(Array(text.utf8)) == place) }
        for bad in [keys.cutter, "x" + texts[0], texts[0] + "0", texts[0].replacing("/b/", with: "/c/")] {
            #expect(keys.place(Array(bad.utf8)) == nil, "\(bad)")
        }
        #expect(EtcdKeys.entry(Array(EtcdKeys.value(id(9)).utf8)) == .block(id(9)))
        for bad in ["", "1 ", "2 " + String(repeating: "09", count: 32), "1 " + String(repeating: "0", count: 64)] {
            #expect(EtcdKeys.entry(Array(bad.utf8)) == .foreign)
        }
    }

    @Test("payloads and memory read what they write, and nothing else", arguments: 1...5)
    func payloads(seed: UInt64) {
        let next = numbers(seed)
        var memory = EngineMemory()
        memory.height = 9
        memory.round = 3
        memory.bound = id(2)
        memory.ownVotes = [
            .init(round: 1, headerID: .zero, signature: Bytes64([UInt8](repeating: 4, count: 64))),
            .init(round: 3, headerID: id(2)),
        ]
        #expect(EngineMemory(memory.bytes) == memory)
        let samples = [
            EnginePayload.offer(height: 4, headerID: id(1)), .acknowledgement(height: 4, headerID: id(1)), .votes,
            .block,
            .status(.init(height: 7, round: 2, wantedBlock: id(4), votes: [1, 2])),
        ].map(\.bytes)
        for sample in samples { #expect(EnginePayload(sample)?.bytes == sample) }
        for _ in 0..<3_000 {
            for sample in samples + [memory.bytes] {
                var bytes = sample
                bytes[Int(next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: next())
                if next() % 3 == 0 { bytes.removeLast(Int(next() % UInt64(bytes.count))) }
                if let payload = EnginePayload(bytes) { #expect(payload.bytes == bytes) }
                if let memory = EngineMemory(bytes) { #expect(memory.bytes == bytes) }
            }
        }
    }

    @Test("settings are refused by name")
    func settings() throws {
        func read(_ lines: String...) throws(PluginFailure) -> EtcdSettings {
            var text = lines.sorted().map { $0 + "\n" }.joined()
            var result: Result<EtcdSettings, PluginFailure> = .failure(PluginFailure(.invalid, ""))
            text.withUTF8 { bytes in
                do throws(PluginFailure) {
                    result = .success(try EtcdSettings(try Settings(UnsafeRawBufferPointer(bytes))))
                } catch { result = .failure(error) }
            }
            return try result.get()
        }
        let good = try read("endpoints=https://a:2379, https://b:2379", "user=u", "password_file=72696768740a")
        #expect(good.endpoints == ["https://a:2379", "https://b:2379"] && good.password == Array("right".utf8))
        for (lines, word) in [
            (["endpoints=ftp://a"], "endpoints"), (["endpoints=https://a/x"], "endpoints"),
            (["endpoints=http://a:2379", "user=u", "password_file=61"], "in the clear"), (["user=u"], "password_file"),
            (["key_file=61"], "certificate_file"), (["lease_s=1"], "lease_s"), (["nothing=1"], "nothing"),
            (["ca_file=6"], "ca_file"), (["key_prefix="], "key_prefix"),
        ] {
            do throws(PluginFailure) {
                _ =
                    lines.count == 1
                    ? try read(lines[0]) : try read(lines[0], lines[1], lines.count > 2 ? lines[2] : "")
                Issue.record("\(lines) were taken")
            } catch { #expect(error.message.contains(word), "\(lines): \(error.message)") }
        }
    }
}
