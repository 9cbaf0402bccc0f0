import Glibc
import Testing

@testable import Storage

/// Bytes handed to the kernel by this process, from its own accounting.
private func bytesWritten() -> Int {
    guard let file = fopen("/proc/self/io", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    while fgets(&line, 128, file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasPrefix("wchar:") { return Int(text.dropFirst(7).prefix { $0.isNumber }) ?? 0 }
    }
    return 0
}

@Suite(.serialized) struct StorageMeasurements {
    /// In a process of its own, since the count is a process's and other tests write too.
    @Test(arguments: [(40, 1_000), (400, 100)])
    func aTransferWritesAtMostOneAndAHalfKilobytes(blocks: Int, size: Int) async {
        await #expect(processExitsWith: .success) { [blocks = blocks as Int, size = size as Int] in
            let scratch = try ScratchDatabase()
            let database = try scratch.open()
            let start = bytesWritten()
            // The test's own files were written before: nothing means that nothing is counted here.
            precondition(start > 0, "/proc/self/io cannot be read")
            for height in UInt64(1)...UInt64(blocks) {
                let (record, indexes) = block(height, transactions: size)
                try database.append(record, indexes: indexes)
            }
            try database.checkpoint()
            let each = (bytesWritten() - start) / (blocks * size)
            #expect(each <= 1_500, "\(each) bytes written per 250-byte transaction")
        }
    }
}
