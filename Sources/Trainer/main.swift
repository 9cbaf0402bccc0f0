import Training

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#endif

// vinculum-trainer TASK_DIR: reads TASK_DIR/in/task.conf and the files it names in TASK_DIR/in, writes TASK_DIR/out.
// Without an argument it reads /task/in and writes /output, where a sandbox shows them (`vinculum/draft/runtime.h`).
// With
// --serve it does so for each request on descriptor 0.
// Needs no network and no other file.

/// Exit codes: 0 done; 64 wrong usage; 65 bad data, model or update; 66 a file is missing or unreadable; 70 the numbers
/// diverged; 78 a bad task file.
func exitCode(_ error: TrainingError) -> Int32 {
    switch error.code {
    case .fileUnavailable: 66
    case .notFinite where error.place == "local training", .overflow: 70
    case _ where error.place.contains("task.conf"): 78
    case .badParameter, .unknownKey: 78
    default: 65
    }
}

let arguments = CommandLine.arguments
if arguments.dropFirst() == ["--serve"] {
    Service(inputs: "/task/in", outputs: "/output").run()
    exit(0)
}
if arguments.count > 2 || arguments.dropFirst().contains(where: { $0.hasPrefix("-") }) {
    Event.emit("failed", ["code": .text("usage"), "reason": .text("usage: vinculum-trainer [TASK_DIR | --serve]")])
    exit(64)
}
do throws(TrainingError) {
    let folder = arguments.count == 2 ? arguments[1] : nil
    try TaskRun(inputs: "\(folder ?? "/task")/in", outputs: folder.map { "\($0)/out" } ?? "/output").run()
} catch {
    Event.emit(
        "failed", ["code": .text(error.code.rawValue), "reason": .text(error.reason), "place": .text(error.place)])
    exit(exitCode(error))
}
