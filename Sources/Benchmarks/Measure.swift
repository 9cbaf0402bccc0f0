import Glibc
import Ledger
import Primitives

/// Seconds of a clock that only goes forward.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Seconds of processor time that this process has used, on all its threads.
func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// One line to standard output, at once: a benchmark may run for minutes.
func emit(_ line: String) {
    print(line)
    fflush(nil)
}

func emitError(_ line: String) { (line + "\n").withCString { _ = write(2, $0, strlen($0)) } }

/// Seconds of processor time that this thread has used.
func threadSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The least processor time of one call of `body`, in seconds, over `repeats` runs of `calls` each: what one core can
/// do, however busy others keep the machine.
func leastTime(repeats: Int = 7, calls: Int, _ body: () -> Void) -> Double {
    var least = Double.infinity
    for _ in 0..<repeats {
        let start = threadSeconds()
        for _ in 0..<calls { body() }
        least = min(least, (threadSeconds() - start) / Double(calls))
    }
    return least
}

/// Bytes that this process has caused to be written, from /proc/self/io.
func writtenBytes() -> Int {
    guard let file = fopen("/proc/self/io", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 128)
    while fgets(&line, 128, file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        if text.hasPrefix("write_bytes: ") {
            return Int(text.dropFirst(13).prefix { $0.isNumber }) ?? 0
        }
    }
    return 0
}

/// The median of 40 synced writes of 4 KiB in a folder, in milliseconds: what a commit costs at least there.
func syncMedian(folder: String) -> Double {
    let path = folder + "/sync-probe"
    let file = open(path, O_RDWR | O_CREAT, 0o600)
    guard file >= 0 else { return .nan }
    defer {
        close(file)
        unlink(path)
    }
    let page = [UInt8](repeating: 1, count: 4096)
    var times: [Double] = []
    for index in 0..<40 {
        _ = pwrite(file, page, page.count, off_t(index * 4096))
        let start = now()
        fdatasync(file)
        times.append((now() - start) * 1000)
    }
    return times.sorted()[20]
}

/// A small random source with a seed: the same transfers each time (SplitMix64, Steele et al. 2014).
struct SeededRandom: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}

func rounded(_ value: Double, _ digits: Int = 2) -> String {
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    return "\((value * scale).rounded() / scale)"
}

/// Checks one signature of each transaction on all cores, and nothing else; returns how many were good.
func verifyAlone(_ transactions: [Transaction], _ messages: [[UInt8]]) async -> Int {
    await withTaskGroup(of: Int.self) { group in
        for first in stride(from: 0, to: transactions.count, by: 64) {
            let part = first..<min(first + 64, transactions.count)
            group.addTask {
                var good = 0
                for index in part {
                    let signed = transactions[index].signatures[0]
                    if signed.key.isValid(signed.signature, for: messages[index]) { good += 1 }
                }
                return good
            }
        }
        var sum = 0
        for await good in group { sum += good }
        return sum
    }
}
