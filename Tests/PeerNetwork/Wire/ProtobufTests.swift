import PeerNetwork
import Primitives
import Testing

@Suite("Protobuf")
struct ProtobufTests {
    @Test("reads the examples of the encoding page")
    func publishedExamples() throws {
        var number = ProtobufReader([0x08, 0x96, 0x01])
        let field = try #require(try number.next())
        #expect(field.number == 1)
        #expect(try field.varint() == 150)
        #expect(try number.next() == nil)
        var text = ProtobufReader([0x12, 0x07] + Array("testing".utf8))
        #expect(try text.next()?.text(atMost: 7) == "testing")
    }

    @Test("reads what it writes")
    func roundTrip() throws {
        var writer = ProtobufWriter()
        writer.varint(1, .max)
        writer.text(2, "ü")
        writer.message(70_000) { $0.varint(3, 0) }
        var reader = ProtobufReader(writer.bytes)
        #expect(try reader.next()?.varint() == .max)
        #expect(try reader.next()?.text(atMost: 2) == "ü")
        let last = try #require(try reader.next())
        #expect(last.number == 70_000)
        var inner = ProtobufReader(try last.bytes())
        #expect(try inner.next()?.varint() == 0)
    }

    @Test(
        "refuses what no writer writes, before it takes memory for it",
        arguments: [
            ([0x12, 0x05, 0x01], FormatError.Code.truncated), ([0x08], .truncated), ([0x09, 1, 2], .truncated),
            ([0x08] + [UInt8](repeating: 0xff, count: 10), .tooLong), ([0x0b], .unsupported),
            ([0x00, 0x00], .outOfRange),
            ([0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], .truncated),
        ] as [([UInt8], FormatError.Code)])
    func refuses(bytes: [UInt8], code: FormatError.Code) {
        var reader = ProtobufReader(bytes)
        let error = #expect(throws: FormatError.self) { _ = try reader.next() }
        #expect(error?.code == code)
    }

    @Test("names the field whose length or kind is wrong")
    func namesFields() throws {
        var reader = ProtobufReader([0x12, 0x02, 0xff, 0xfe, 0x08, 0x01])
        let text = try #require(try reader.next())
        #expect(throws: FormatError.self) { try text.text(atMost: 2) }
        #expect(throws: FormatError.self) { try text.bytes(atMost: 1) }
        #expect(throws: FormatError.self) { try text.varint() }
        #expect(throws: FormatError.self) { try reader.next()?.bytes() }
    }
}
