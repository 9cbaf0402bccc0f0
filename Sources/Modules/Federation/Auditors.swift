import Ledger
import Primitives
import Reputation

/// The register of auditors.
enum AuditorRegister {
    static func parameters(_ context: inout ModuleContext) throws(Refusal) -> FederationParameters {
        try context.load(FederationParameters.self, at: FederationPaths.parameters) ?? FederationParameters()
    }

    static func register(_ body: RegisterAuditorBody, _ context: inout ModuleContext) throws(Refusal) {
        let account = context.sender
        guard !body.verifiers.isEmpty else { throw FederationCode.invalidTerms.refusal("verifiers: none") }
        let path = FederationPaths.auditor(account)
        if var record = try context.load(AuditorRecord.self, at: path) {
            guard record.verifiers != body.verifiers else {
                throw FederationCode.alreadyRegistered.refusal("with the same verifiers")
            }
            guard record.duties == 0 else { throw FederationCode.auditorBusy.refusal("\(record.duties) rounds") }
            record.verifiers = body.verifiers
            try context.save(record, at: path)
        } else {
            let parameters = try parameters(&context)
            let known = try context.list(
                AuditorRecord.self, below: FederationPaths.auditors, limit: Int(parameters.maximumAuditors))
            guard known.count < Int(parameters.maximumAuditors) else {
                throw FederationCode.registerFull.refusal("\(known.count) auditors")
            }
            try context.transfer(from: account, to: FederationPaths.bonds, amount: parameters.auditorBond)
            try context.save(AuditorRecord(verifiers: body.verifiers, bond: parameters.auditorBond), at: path)
        }
        try say(.auditorRegistered, account, &context)
    }

    static func retire(_ context: inout ModuleContext) throws(Refusal) {
        let account = context.sender
        let path = FederationPaths.auditor(account)
        guard let record = try context.load(AuditorRecord.self, at: path) else {
            throw FederationCode.notRegistered.refusal("\(account)")
        }
        guard record.duties == 0 else { throw FederationCode.auditorBusy.refusal("\(record.duties) rounds") }
        try context.transfer(from: FederationPaths.bonds, to: account, amount: record.bond)
        try context.remove(at: path)
        try say(.auditorRetired, account, &context)
    }

    static func changeDuties(of account: AccountID, by change: Int, _ context: inout ModuleContext) throws(Refusal) {
        let path = FederationPaths.auditor(account)
        guard var record = try context.load(AuditorRecord.self, at: path) else { return }
        record.duties = UInt32(max(0, Int(record.duties) + change))
        try context.save(record, at: path)
    }

    private static func say(
        _ event: FederationEvent, _ account: AccountID, _ context: inout ModuleContext
    ) throws(Refusal) {
        var encoder = CBOREncoder()
        encoder.array(count: 1)
        encoder.value(account)
        try context.emit(
            Event(
                module: FederationPaths.module, kind: event.rawValue, path: FederationPaths.auditor(account).bytes,
                accounts: [account], payload: encoder.finish()))
    }
}

/// Drawing auditors from the beacon of a block after the one that asked for them.
extension OpenJob {
    /// Registered auditors that hold all of the job's verifiers, ascending. Left out are, by rule and for everyone
    /// alike: the
    /// requester and the aggregator, who have a stake in the model; barred accounts; who was drawn before in the
    /// round; and
    /// members, as long as enough others remain. A member that is drawn has no say on itself.
    func candidates(
        drawn: [AccountID], atLeast wanted: Int? = nil, _ context: inout ModuleContext
    ) throws(Refusal) -> [AccountID] {
        let limit = Int(try AuditorRegister.parameters(&context).maximumAuditors)
        var others: [AccountID] = []
        var all: [AccountID] = []
        for item in try context.list(AuditorRecord.self, below: FederationPaths.auditors, limit: limit) {
            guard let account = try? AccountID(bytes: item.suffix) else {
                throw FederationCode.inconsistentState.refusal("a path in the register of auditors")
            }
            guard account != record.requester, account != record.aggregator, !drawn.contains(account),
                terms.verifiers.allSatisfy({ item.value.verifiers.contains($0) }),
                try Scores.tier(account, .auditor, &context) > .barred
            else { continue }
            all.append(account)
            if terms.index(of: account) == nil { others.append(account) }
        }
        return others.count >= wanted ?? Int(terms.auditorsPerRound) ? others : all
    }

    /// Notes that `count` auditors are wanted; the next block's end draws them.
    mutating func askForDraw(_ count: UInt32, _ context: inout ModuleContext) throws(Refusal) {
        round?.auditorsToDraw = count
        round?.drawSinceHeight = context.block.height
        try context.save(context.block.height, at: FederationPaths.waitingDraw(id, record.round))
        let number = record.round
        try FederationEvent.drawWaits.emit(id, [record.aggregator], &context, items: 2) { encoder in
            encoder.unsigned(number)
            encoder.unsigned(count)
        }
    }

    /// Asks for more auditors than are there, if the largest draw is not reached and someone is left to draw.
    mutating func askForLargerDraw(lost: Int, _ context: inout ModuleContext) throws(Refusal) -> Bool {
        guard let round else { return false }
        let drawn = round.auditors + round.lostAuditors
        let room = Int(terms.auditorsPerRound * JobTerms.largestDraw) - drawn.count
        guard room > 0, try !candidates(drawn: drawn, &context).isEmpty else { return false }
        try askForDraw(UInt32(min(room, max(Int(terms.auditorsPerRound), lost + 1))), &context)
        return true
    }

    mutating func drawAuditors(_ context: inout ModuleContext) throws(Refusal) {
        guard let round, round.auditorsToDraw > 0 else { return }
        let drawn = round.auditors + round.lostAuditors
        let wanted = Int(round.auditorsToDraw)
        let picked = Draw.pick(
            wanted, from: try candidates(drawn: drawn, atLeast: wanted, &context), beacon: context.block.beacon,
            job: id,
            round: record.round, start: drawn.count)
        for account in picked { try AuditorRegister.changeDuties(of: account, by: 1, &context) }
        self.round?.auditors = round.auditors + picked
        self.round?.auditorsToDraw = 0
        let now = context.block.timeMilliseconds
        switch round.phase {
        case .audit: self.round?.deadlineMilliseconds = now &+ terms.deadlines.auditMilliseconds
        case .confirm: self.round?.deadlineMilliseconds = now &+ terms.deadlines.confirmMilliseconds
        default: break
        }
        let number = record.round
        let count = UInt64(round.auditors.count + picked.count)
        try FederationEvent.auditorsDrawn.emit(id, picked + [record.aggregator], &context, items: 2) { encoder in
            encoder.unsigned(number)
            encoder.unsigned(count)
        }
        if drawn.isEmpty, picked.count < Int(terms.quorum) { return try abort(.tooFewAuditors, &context) }
        if picked.isEmpty, round.phase == .audit { try tally(&context) }
    }

    /// Auditors that were silent until the deadline lose standing and their place.
    mutating func loseAuditors(
        _ context: inout ModuleContext, where isSilent: (AccountID, inout ModuleContext) throws(Refusal) -> Bool
    ) throws(Refusal) -> Int {
        var kept: [AccountID] = []
        var lost: [AccountID] = []
        for auditor in round?.auditors ?? [] {
            if try isSilent(auditor, &context) { lost.append(auditor) } else { kept.append(auditor) }
        }
        round?.auditors = kept
        round?.lostAuditors += lost
        let number = record.round
        for auditor in lost {
            try Scores.note(auditor, .auditor, .missedDeadline, &context)
            try FederationEvent.auditorLost.emit(id, [auditor], &context, items: 1) { $0.unsigned(number) }
        }
        return lost.count
    }
}
