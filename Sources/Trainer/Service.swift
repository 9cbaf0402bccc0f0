import Training

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

/// A trainer that lives from request to request (`vinculum/draft/runtime.h`, RUN-7): each line on descriptor 0 asks for
/// a run of in/task.conf as it is then, and is answered with a line: an exit code, and after a space the reason where
/// it is not 0.
struct Service {
    private let inputs: String
    private let outputs: String
    private let records = RecordMemory()

    init(inputs: String, outputs: String) {
        self.inputs = inputs
        self.outputs = outputs
    }

    /// Returns when nobody asks any more.
    func run() {
        // What a run tells on standard output nobody reads before the end, and it would grow with every request.
        let nowhere = open("/dev/null", O_WRONLY)
        if nowhere >= 0 {
            dup2(nowhere, 1)
            close(nowhere)
        }
        var buffer = [UInt8](repeating: 0, count: 4096)
        var lineLength = 0
        while true {
            let got = read(0, &buffer[lineLength], buffer.count - lineLength)
            if got < 0, errno == EINTR { continue }
            guard got > 0 else { return }
            lineLength += got
            // One request at a time: the next comes after the answer.
            guard buffer[lineLength - 1] == 0x0A else {
                guard lineLength < buffer.count else { return }
                continue
            }
            lineLength = 0
            guard answer(outcome()) else { return }
        }
    }

    private func outcome() -> String {
        do throws(TrainingError) {
            try TaskRun(inputs: inputs, outputs: outputs, records: records).run()
            return "0"
        } catch {
            return "\(exitCode(error)) \(error.code.rawValue): \(error.reason) (\(error.place))"
        }
    }

    private func answer(_ text: String) -> Bool {
        let line = Array(text.utf8.prefix(4000)).map { $0 == 0x0A ? 0x20 : $0 } + [0x0A]
        var done = 0
        while done < line.count {
            let count = line.withUnsafeBytes { write(0, $0.baseAddress.map { $0 + done }, line.count - done) }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}
