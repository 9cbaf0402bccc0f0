import Ledger
import Logging
import Primitives
import Storage

/// Engines come and go: at the start, after a crash of their process, and where the ledger puts another one in charge.
extension KernelHost {
    /// Waited after an engine that could not be made: it may be installed meanwhile.
    private static let engineRetry: Duration = .seconds(5)

    /// The engine in charge, from what it asked to keep.
    mutating func makeEngine() throws -> KernelEvent {
        let activation = kernel.engineInCharge
        guard let engines else { throw ServiceError(.unavailable, "this node has no engines to choose from") }
        let made = try engines.make(activation.engine, EngineState.savedBytes(archive, of: activation))
        try EngineState.forgetOthers(archive, than: activation)
        revival = made.revival
        engineStatus = made.status
        return .engine(made.engine, seed: Self.freshSeed(), timeMilliseconds: now())
    }

    /// Another engine in the place of the one before, of which nothing goes on. Where it cannot be made the node
    /// follows what others decide, has no vote, and tries again.
    mutating func changeEngine(to activation: EngineActivation) {
        timers = [:]
        unsavedEngineState = nil
        revival = nil
        do {
            waiting.append(try makeEngine())
            reviveAt = nil
            engineTrouble = nil
            planned = nil
            plannedTrouble = nil
            logger.notice("\(activation.engine) orders blocks from height \(kernel.head.height + 1) on")
        } catch {
            reviveAt = .now + Self.engineRetry
            let reason =
                "height \(kernel.head.height + 1) is ordered by \(activation.engine), and this node has no "
                + "vote: \(error)"
            if engineTrouble != reason { logger.error("\(reason)") }
            engineTrouble = reason
        }
    }

    /// Says ahead of time what takes charge, and what is missing for it.
    mutating func considerPlan() {
        let next = kernel.plannedEngine()
        // Looked at again only where something was missing: it reads files.
        if next == planned, plannedTrouble == nil { return }
        if next != planned, let next {
            logger.notice("\(next.engine) is planned to order blocks from height \(next.height) on")
        }
        planned = next
        guard let next, let engines else {
            plannedTrouble = nil
            return
        }
        do {
            try engines.check(next.engine)
            plannedTrouble = nil
        } catch {
            let reason =
                "\(next.engine) orders blocks from height \(next.height) on, and this node has it not: install "
                + "and enable it before (\(error))"
            if plannedTrouble != reason { logger.warning("\(reason)") }
            plannedTrouble = reason
        }
    }

    /// A new process for the engine in the place of one that ended. What the dead one had in hand is lost, as in a
    /// crash of the node: no block that was acknowledged, and no vote, since the disk remembers those.
    mutating func reviveEngine() {
        guard let due = reviveAt, .now >= due else { return }
        if kernel.isWithoutEngine {
            changeEngine(to: kernel.engineInCharge)
            return goOn()
        }
        guard let revival else { return }
        do {
            try revival.start(unsavedEngineState?.state ?? EngineState.savedBytes(archive, of: kernel.engineInCharge))
        } catch {
            reviveAt = .now + revival.retry
            let reason = "the engine's process ended, and cannot be started again yet: \(error)"
            engineTrouble = reason
            return logger.error("\(reason)")
        }
        logger.warning("the engine's process ended; a new one goes on from height \(kernel.head.height)")
        reviveAt = nil
        engineTrouble = nil
        timers = [:]
        start()
        // Transactions that wait were told to the engine that is gone.
        handle(.transactions([], timeMilliseconds: now()))
    }
}
