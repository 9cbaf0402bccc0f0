import CFuzzer
import FuzzTargets
import Glibc

#if FUZZ_INTERFACE
import FuzzInterface
let groups = FuzzGroups.all + [InterfaceFuzzing.group]
#else
let groups = FuzzGroups.all
#endif

// The group is chosen once, before the fuzzer's only thread begins; nothing writes it afterwards.
nonisolated(unsafe) var chosen = groups[0]

/// What libFuzzer calls with each input. A finding ends the process; libFuzzer keeps the input.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ data: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    let input = Array(UnsafeBufferPointer(start: data, count: count))
    do throws(FuzzFinding) {
        try chosen.run(input)
    } catch {
        say("finding: \(error)")
        abort()
    }
    return 0
}

func say(_ line: String) {
    let bytes = Array("\(line)\n".utf8)
    _ = Glibc.write(STDERR_FILENO, bytes, bytes.count)
}

func stop(_ message: String, _ code: Int32) -> Never {
    say("vinculum-fuzz: \(message)")
    exit(code)
}

/// A file below a folder, written whole.
func write(_ path: String, _ bytes: [UInt8]) {
    guard let file = fopen(path, "w") else { stop("cannot write \(path)", 1) }
    fwrite(bytes, 1, bytes.count, file)
    fclose(file)
}

/// The corpus and the dictionary of a group.
func makeCorpus(of group: FuzzGroup, in folder: String) throws {
    mkdir(folder, 0o755)
    for (name, input) in try group.corpus() { write("\(folder)/\(name)", input) }
    let words = group.words.enumerated().map { index, word in
        let escaped = word.utf8.map { byte in
            let hex = String(byte, radix: 16)
            return "\\x" + (byte < 16 ? "0" : "") + hex
        }
        return "word\(index)=\"\(escaped.joined())\"\n"
    }
    // libFuzzer refuses a file without a word.
    write("\(folder).dict", Array((words.isEmpty ? ["word=\"\\x00\\x00\\x00\\x01\"\n"] : words).joined().utf8))
}

let arguments = CommandLine.arguments
let usage = """
    Usage: vinculum-fuzz list
           vinculum-fuzz GROUP --make-corpus FOLDER    seeds in FOLDER, words in FOLDER.dict
           vinculum-fuzz GROUP [libFuzzer's arguments] a corpus to begin with, -max_total_time=60, or one file to repeat
    """
if arguments == [arguments[0], "list"] {
    for group in groups {
        print("\(group.name): \(group.summary) (\(group.targets.map(\.name).joined(separator: ", ")))")
    }
} else if arguments.count > 1, let group = groups.first(where: { $0.name == arguments[1] }) {
    if arguments.count == 4, arguments[2] == "--make-corpus" {
        do { try makeCorpus(of: group, in: arguments[3]) } catch { stop("the seeds cannot be made: \(error)", 1) }
    } else {
        chosen = group
        // Fewer, longer inputs tell little more; what is slower than ten seconds is a finding.
        let words = [arguments[0], "-max_len=\(group.lengthLimit)", "-timeout=10"] + arguments.dropFirst(2)
        var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        var count = Int32(words.count)
        exit(
            pointers.withUnsafeMutableBufferPointer { buffer in
                var start = buffer.baseAddress
                return withUnsafeMutablePointer(to: &start) { vector in
                    // The same pointer under C's type, where it may not be nil: the array has at least one entry.
                    vector.withMemoryRebound(to: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?.self, capacity: 1)
                    {
                        LLVMFuzzerRunDriver(&count, $0, testOneInput)
                    }
                }
            })
    }
} else {
    stop("no such group\n\(usage)", 2)
}
