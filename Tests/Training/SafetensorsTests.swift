import TestSupport
import Testing

@testable import Training

@Suite("Safetensors")
struct SafetensorsTests {
    private func file(_ header: String, data: Int) -> [UInt8] {
        file(Array(header.utf8), data: data)
    }

    private func file(_ header: [UInt8], data: Int) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header
            + [UInt8](repeating: 0, count: data)
    }

    private func sample() throws -> Safetensors {
        Safetensors(
            tensors: [
                "a": try Tensor(shape: [2, 3], .float32([1, -2, 3.5, 0, .infinity, 6])),
                "b \"\\\u{1}é": try Tensor(shape: [2], .int64([Int64.min, 7])),
                "scalar": try Tensor(shape: [], .int32([5])), "none": try Tensor(shape: [0, 4], .uint8([])),
            ], metadata: ["why": "a test\n"])
    }

    @Test("come back as they were, from bytes and from a file")
    func roundTrip() throws {
        let sample = try sample()
        #expect(try Safetensors.decode(sample.encoded()) == sample)
        try TemporaryFolder.with { folder in
            try sample.write("\(folder)/x.safetensors")
            #expect(try Safetensors.read("\(folder)/x.safetensors") == sample)
        }
    }

    @Test(
        "are refused with the reason",
        arguments: [
            ("{", 0, TrainingError.Code.malformed),
            ("[]", 0, .malformed),
            ("{}x", 0, .malformed),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 5, .trailingBytes),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 3, .truncated),
            (#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}"#, 4, .sizeMismatch),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#, 4, .sizeMismatch),
            (#"{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}"#, 4, .unsupportedType),
            (#"{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}"#, 4, .malformed),
            (#"{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}"#, 4, .wrongShape),
            (#"{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}}"#, 4, .malformed),
            (#"{"a":{"shape":[1],"data_offsets":[0,4]}}"#, 4, .missing),
            (#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"x":1}}"#, 4, .unknownKey),
            (#"{"a":{"dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#, 4, .duplicateKey),
            (#"{"__metadata__":{"a":"1","a":"2"}}"#, 0, .duplicateKey),
            (
                #"{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"#
                    + #""a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
                2, .duplicateKey
            ),
            (
                #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"#
                    + #""b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}"#,
                3, .overlap
            ),
            (
                #"{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"#
                    + #""b":{"dtype":"U8","shape":[2],"data_offsets":[3,5]}}"#,
                5, .hole
            ),
        ])
    func refusals(header: String, data: Int, code: TrainingError.Code) {
        #expect(throws: TrainingError(code, "", at: "")) { try Safetensors.decode(file(header, data: data)) }
    }

    @Test("with a header above the limit are refused before it is read, and names that are not UTF-8 too")
    func oversizeAndEncoding() {
        #expect(throws: TrainingError(.headerTooLarge, "", at: "")) {
            try Safetensors.decode([0, 0, 0, 0, 0, 0, 0, 0x7f, 1, 2, 3])
        }
        #expect(throws: TrainingError(.truncated, "", at: "")) { try Safetensors.decode([9, 0, 0]) }
        #expect(throws: TrainingError(.truncated, "", at: "")) { try Safetensors.decode([9, 0, 0, 0, 0, 0, 0, 0]) }
        let bad = Array(#"{""#.utf8) + [0xff] + Array(#"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#.utf8)
        #expect(throws: TrainingError(.notUTF8, "", at: "")) { try Safetensors.decode(file(bad, data: 0)) }
    }

    @Test("with drawn damage are read or refused, never worse", arguments: 1...20)
    func damaged(seed: Int) throws {
        let bytes = try sample().encoded()
        var generator = SeededGenerator(seed: UInt64(seed), stream: 9)
        for _ in 0..<500 {
            var damaged = bytes
            for _ in 0...generator.below(3) { damaged[generator.below(damaged.count)] = UInt8(generator.below(256)) }
            if generator.below(4) == 0 { damaged.removeLast(generator.below(damaged.count)) }
            do throws(TrainingError) { _ = try Safetensors.decode(damaged) } catch {
                #expect(!error.reason.isEmpty, "seed \(seed)")
            }
        }
    }

    @Test("go to and from the Python library unchanged", .enabled(if: Peers.python != nil, Peers.missing))
    func pythonAgrees() throws {
        try TemporaryFolder.with { folder in
            try sample().write("\(folder)/ours.safetensors")
            try Peers.run(
                """
                import sys
                from safetensors.numpy import load_file, save_file
                from safetensors import safe_open
                folder = sys.argv[1]
                tensors = load_file(folder + "/ours.safetensors")
                with safe_open(folder + "/ours.safetensors", "np") as f:
                    assert f.metadata() == {"why": "a test\\n"}
                assert tensors["a"].shape == (2, 3) and tensors["a"][0, 2] == 3.5
                save_file(tensors, folder + "/theirs.safetensors", metadata={"why": "a test\\n"})
                """, [folder])
            #expect(try Safetensors.read("\(folder)/theirs.safetensors") == sample())
        }
    }
}
