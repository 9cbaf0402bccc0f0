import Foundation

/// What this process holds in memory, from the kernel's account of it.
public enum ProcessMemory {
    /// Bytes that are in memory now.
    public static var resident: Int { field("VmRSS") }
    /// The most that was in memory since `forgetPeak`.
    public static var peak: Int { field("VmHWM") }

    /// Begins a new peak (see proc(5), clear_refs).
    public static func forgetPeak() {
        guard let file = fopen("/proc/self/clear_refs", "w") else { return }
        fputs("5", file)
        fclose(file)
    }

    /// A file of /proc has no size: it is read by line.
    private static func field(_ name: String) -> Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            guard text.hasPrefix("\(name):") else { continue }
            return (Int(text.drop { !$0.isNumber }.prefix { $0.isNumber }) ?? 0) << 10
        }
        return 0
    }
}
