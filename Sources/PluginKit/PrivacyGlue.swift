import CVinculum

final class PrivacyGlue: Glue<any PrivacyPlugin, vin_privacy> {
    private var planned: vin_privacy_job?
    private var role: PrivacyRound.Role?
    private var spent = false

    static func create(
        _ host: UnsafePointer<vin_host>?, _ id: vin_bytes, _ out: UnsafeMutablePointer<UnsafePointer<vin_instance>?>?
    ) -> vin_status {
        makeInstance(.privacy, host, id, out) { type, access in
            (type as? any PrivacyPlugin.Type).map { PrivacyGlue($0.init(host: access), access, table) }
        } setData: {
            $0.pointee.plugin_data = $1
        }
    }

    private func capability(
        _ index: UInt32, _ out: UnsafeMutablePointer<vin_privacy_capability>?
    ) throws(PluginFailure) {
        let list = plugin.capabilities
        guard let out else { throw PluginFailure(.invalid, "no capability struct was given") }
        guard index < UInt32(list.count) else { throw PluginFailure(.notFound, "there is no guarantee \(index)") }
        guard Int(out.pointee.struct_size) >= MemoryLayout<vin_privacy_capability>.size else {
            throw PluginFailure(.invalid, "the capability struct is too short")
        }
        let size = out.pointee.struct_size
        out.pointee = list[Int(index)]
        out.pointee.struct_size = size
    }

    private func plan(
        _ job: UnsafePointer<vin_privacy_job>?, _ out: UnsafeMutablePointer<vin_privacy_plan>?
    ) throws(PluginFailure) {
        guard let job, let out, Int(job.pointee.struct_size) >= MemoryLayout<vin_privacy_job>.size,
            Int(out.pointee.struct_size) >= MemoryLayout<vin_privacy_plan>.size
        else { throw PluginFailure(.invalid, "the job or the plan is missing or too short") }
        guard role == nil else { throw PluginFailure(.state, "a round has begun") }
        guard (job.pointee.epsilon_e9 == 0) != (job.pointee.noise_multiplier_e6 == 0) else {
            throw PluginFailure(.invalid, "give either an epsilon or a noise multiplier")
        }
        let plan = try plugin.plan(job.pointee)
        planned = job.pointee
        out.pointee.noise_scale_grid = plan.noiseScaleInGridSteps
        out.pointee.epsilon_e9 = plan.epsilonBillionths
        out.pointee.expansion_bytes = plan.expansionBytes
        out.pointee.cost = plan.costOfRound.record
    }

    private func begin(_ round: UnsafePointer<vin_privacy_round>?) throws(PluginFailure) {
        guard let round, Int(round.pointee.struct_size) >= MemoryLayout<vin_privacy_round>.size else {
            throw PluginFailure(.invalid, "the round is missing or too short")
        }
        guard planned != nil, role == nil else { throw PluginFailure(.state, "begin needs a plan and no open round") }
        let record = round.pointee
        guard let role = PrivacyRound.Role(rawValue: record.role) else {
            throw PluginFailure(.unsupported, "there is no role \(record.role)")
        }
        let members = UnsafeBufferPointer(start: record.members, count: Int(record.members_count)).map { Bytes32($0) }
        try plugin.begin(
            PrivacyRound(
                role: role, job: Bytes32(record.job), model: Bytes32(record.model),
                membersRoot: Bytes32(record.members_root), entropy: Bytes32(record.entropy),
                ownKey: Bytes32(record.own_key), round: record.round, members: members))
        self.role = role
        spent = false
    }

    private func require(_ wanted: PrivacyRound.Role) throws(PluginFailure) {
        guard role == wanted else { throw PluginFailure(.state, "no round has begun in that role") }
    }

    private func release(
        _ release: UnsafePointer<vin_privacy_release>?, _ sink: UnsafePointer<vin_sink>?
    ) throws(PluginFailure) {
        try require(.site)
        guard spent else { throw PluginFailure(.state, "release without spend") }
        guard let values = release?.pointee, Int(values.struct_size) >= MemoryLayout<vin_privacy_release>.size,
            let sum = values.sum, let out = values.out, let planned
        else { throw PluginFailure(.invalid, "the vector is missing") }
        guard values.flags == 0 else { throw PluginFailure(.unsupported, "unknown flags \(values.flags)") }
        guard values.count == planned.count, values.grid_bits == planned.grid_bits else {
            throw PluginFailure(.invalid, "the vector's count or grid is not the planned one")
        }
        guard values.sensitivity_grid <= planned.sensitivity_grid else {
            throw PluginFailure(.refused, "the sensitivity is above the planned one")
        }
        let count = Int(values.count)
        // In place is the usual case; a second buffer is the caller's wish.
        if UnsafePointer(out) != sum { out.update(from: sum, count: count) }
        var extra: [UInt8] = []
        var span = MutableSpan(_unsafeStart: out, count: count)
        do throws(PluginFailure) {
            try plugin.release(
                &span, sensitivityInGridSteps: values.sensitivity_grid, gridBits: values.grid_bits, extra: &extra)
        } catch {
            // What was copied there is not protected: it must not be mistaken for a release.
            if UnsafePointer(out) != sum { out.update(repeating: 0, count: count) }
            throw error
        }
        spent = false
        if !extra.isEmpty { try required(sink).append(extra) }
    }

    private func combine(_ share: UnsafePointer<vin_privacy_share>?) throws(PluginFailure) {
        try require(.aggregator)
        guard let share = share?.pointee, Int(share.struct_size) >= MemoryLayout<vin_privacy_share>.size,
            let vector = share.vector, let total = share.total, let planned, share.count == planned.count
        else { throw PluginFailure(.invalid, "the share is missing, too short or not of the planned count") }
        guard share.flags == 0 else { throw PluginFailure(.unsupported, "unknown flags \(share.flags)") }
        var span = MutableSpan(_unsafeStart: total, count: Int(share.count))
        try plugin.combine(
            member: Bytes32(share.member), vector: Span(_unsafeStart: vector, count: Int(share.count)), total: &span,
            extra: Array(share.extra.raw))
    }

    private func recover(_ recovery: UnsafePointer<vin_privacy_recovery>?) throws(PluginFailure) {
        try require(.aggregator)
        guard let recovery = recovery?.pointee, Int(recovery.struct_size) >= MemoryLayout<vin_privacy_recovery>.size,
            let total = recovery.total, let planned, recovery.count == planned.count
        else { throw PluginFailure(.invalid, "the recovery is missing, too short or not of the planned count") }
        let lost = UnsafeBufferPointer(start: recovery.lost, count: Int(recovery.lost_count)).map { Bytes32($0) }
        var span = MutableSpan(_unsafeStart: total, count: Int(recovery.count))
        try plugin.recover(total: &span, lost: lost)
    }

    private func message(_ bytes: vin_bytes, _ sink: UnsafePointer<vin_sink>?) throws(PluginFailure) {
        guard role != nil else { throw PluginFailure(.state, "no round has begun") }
        var incoming: PrivacyMessage?
        var reader = RecordReader(bytes.raw)
        if let record = try reader.next() {
            guard record.kind == UInt32(VIN_PRIVACY_MESSAGE) else {
                throw PluginFailure(.unsupported, "there is no message of kind \(record.kind)")
            }
            let message = try record.load(as: vin_privacy_message.self)
            let peer = Bytes32(message.peer)
            incoming = PrivacyMessage(
                step: message.step, peer: peer.isZero ? nil : peer, payload: Array(try record.slice(message.payload)))
        }
        var writer = RecordWriter()
        for message in try plugin.message(incoming) {
            writer.append(
                vin_privacy_message(
                    record: vin_record(), step: message.step, reserved: 0,
                    peer: (message.peer ?? .zero).publicKey, payload: vin_span()),
                kind: UInt32(VIN_PRIVACY_MESSAGE), tails: [(\.payload, message.payload)])
        }
        try required(sink).append(writer.bytes)
    }

    private static var table: vin_privacy {
        vin_privacy(
            struct_size: UInt32(MemoryLayout<vin_privacy>.size), reserved: 0, plugin_data: nil,
            configure: { data, settings in
                PrivacyGlue.call(data) { glue throws(PluginFailure) in
                    try PluginKit.configure(glue.plugin, glue.host, settings)
                }
            },
            destroy: { PluginKit.release($0, PrivacyGlue.self) },
            capability_count: { data in
                guard let data else { return 0 }
                return Unmanaged<PrivacyGlue>.fromOpaque(data)._withUnsafeGuaranteedRef {
                    UInt32($0.plugin.capabilities.count)
                }
            },
            capability: { data, index, out in
                PrivacyGlue.call(data) { glue throws(PluginFailure) in try glue.capability(index, out) }
            },
            plan: { data, job, out in PrivacyGlue.call(data) { glue throws(PluginFailure) in try glue.plan(job, out) }
            },
            begin: { data, round in PrivacyGlue.call(data) { glue throws(PluginFailure) in try glue.begin(round) } },
            spend: { data, out in
                PrivacyGlue.call(data) { glue throws(PluginFailure) in
                    try glue.require(.site)
                    guard let out else { throw PluginFailure(.invalid, "no cost struct was given") }
                    out.pointee = try glue.plugin.spend().record
                    glue.spent = true
                }
            },
            release: { data, values, sink in
                PrivacyGlue.call(data) { glue throws(PluginFailure) in try glue.release(values, sink) }
            },
            message: { data, bytes, sink in
                PrivacyGlue.call(data) { glue throws(PluginFailure) in try glue.message(bytes, sink) }
            },
            combine: { data, share in PrivacyGlue.call(data) { glue throws(PluginFailure) in try glue.combine(share) }
            },
            recover: { data, value in PrivacyGlue.call(data) { glue throws(PluginFailure) in try glue.recover(value) }
            },
            end: { data in
                PrivacyGlue.call(data) { glue throws(PluginFailure) in
                    guard glue.role != nil else { throw PluginFailure(.state, "no round has begun") }
                    try glue.plugin.end()
                    glue.role = nil
                    glue.spent = false
                }
            })
    }

    @inline(__always)
    private static func call(
        _ data: UnsafeMutableRawPointer?, _ body: (PrivacyGlue) throws(PluginFailure) -> Void
    ) -> vin_status {
        with(data, PrivacyGlue.self) { glue in glue.answer { () throws(PluginFailure) in try body(glue) } }
    }
}
