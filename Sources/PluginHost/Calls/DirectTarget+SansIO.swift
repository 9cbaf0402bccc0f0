import CVinculum
import Primitives

extension DirectTarget {
    func invokeConsensus(_ call: PluginCall, _ inputs: [[UInt8]]) throws(PluginError) -> [[UInt8]] {
        let table = try table(vin_consensus.self, call)
        switch call {
        case .consensusStart:
            return try run(call, outputs: 0) { _ in
                input(inputs, 0).lend { table.start?(table.plugin_data, $0) } ?? -1
            }
        case .step:
            return try run(call, outputs: 1) { sinks in
                input(inputs, 0).lend { table.step?(table.plugin_data, $0, sinks[0].sink) } ?? -1
            }
        case .snapshot:
            return try run(call, outputs: 1) { sinks in table.snapshot?(table.plugin_data, sinks[0].sink) ?? -1 }
        default:
            return try run(call, outputs: 0) { _ in table.stop?(table.plugin_data) ?? -1 }
        }
    }

    func invokeVerifier(_ call: PluginCall, _ inputs: [[UInt8]]) throws(PluginError) -> [[UInt8]] {
        let table = try table(vin_verifier.self, call)
        if call == .verifierPlan {
            guard var beacon = Plain.value(input(inputs, 1), as: vin_digest.self) else {
                throw fault(.protocolBroken, call.name, "the beacon has not 32 bytes")
            }
            return try run(call, outputs: 1) { sinks in
                input(inputs, 0).lend { table.plan?(table.plugin_data, $0, &beacon, sinks[0].sink) } ?? -1
            }
        }
        return try run(call, outputs: 1) { sinks in
            input(inputs, 0).lend { job in
                input(inputs, 1).lend { commitments in
                    input(inputs, 2).lend { results in
                        table.judge?(table.plugin_data, job, commitments, results, sinks[0].sink) ?? -1
                    }
                }
            }
        }
    }

    func invokePrivacy(
        _ call: PluginCall, _ inputs: [[UInt8]], _ buffers: [PluginBuffer]
    ) throws(PluginError) -> [[UInt8]] {
        let table = try table(vin_privacy.self, call)
        switch call {
        case .capabilities: return try capabilities(table)
        case .privacyPlan:
            guard var job = Plain.value(input(inputs, 0), as: vin_privacy_job.self) else { throw badStruct(call) }
            var plan = vin_privacy_plan()
            plan.struct_size = UInt32(MemoryLayout<vin_privacy_plan>.size)
            _ = try run(call, outputs: 0) { _ in table.plan?(table.plugin_data, &job, &plan) ?? -1 }
            return [Plain.bytes(plan)]
        case .begin:
            guard var round = Plain.value(input(inputs, 0), as: vin_privacy_round.self),
                input(inputs, 1).count == Int(round.members_count) * 32
            else { throw badStruct(call) }
            return try run(call, outputs: 0) { _ in
                input(inputs, 1).withUnsafeBytes { members in
                    round.members = members.bindMemory(to: vin_public_key.self).baseAddress
                    return table.begin?(table.plugin_data, &round) ?? -1
                }
            }
        case .spend:
            var cost = vin_privacy_cost()
            _ = try run(call, outputs: 0) { _ in table.spend?(table.plugin_data, &cost) ?? -1 }
            return [Plain.bytes(cost)]
        case .release: return try release(table, inputs, buffers)
        case .message:
            return try run(call, outputs: 1) { sinks in
                input(inputs, 0).lend { table.message?(table.plugin_data, $0, sinks[0].sink) } ?? -1
            }
        case .combine:
            guard buffers.count == 2, let member = Plain.value(input(inputs, 0), as: vin_public_key.self),
                buffers[0].values.count == buffers[1].values.count
            else { throw badStruct(call) }
            return try run(call, outputs: 0) { _ in
                input(inputs, 1).lend { extra in
                    var share = vin_privacy_share(
                        struct_size: UInt32(MemoryLayout<vin_privacy_share>.size), flags: 0, member: member,
                        vector: UnsafePointer(buffers[0].values.baseAddress), total: buffers[1].values.baseAddress,
                        count: UInt64(buffers[1].values.count), extra: extra)
                    return table.combine?(table.plugin_data, &share) ?? -1
                }
            }
        case .recover:
            let lost = input(inputs, 0)
            guard buffers.count == 1, lost.count % 32 == 0 else { throw badStruct(call) }
            return try run(call, outputs: 0) { _ in
                lost.withUnsafeBytes { keys in
                    var recovery = vin_privacy_recovery(
                        struct_size: UInt32(MemoryLayout<vin_privacy_recovery>.size),
                        lost_count: UInt32(lost.count / 32),
                        lost: keys.bindMemory(to: vin_public_key.self).baseAddress,
                        total: buffers[0].values.baseAddress, count: UInt64(buffers[0].values.count))
                    return table.recover?(table.plugin_data, &recovery) ?? -1
                }
            }
        default:
            return try run(call, outputs: 0) { _ in table.end?(table.plugin_data) ?? -1 }
        }
    }

    private func badStruct(_ call: PluginCall) -> PluginError {
        fault(.protocolBroken, call.name, "an argument has the wrong size")
    }

    private func capabilities(_ table: vin_privacy) throws(PluginError) -> [[UInt8]] {
        var count: UInt32 = 0
        _ = try run(.capabilities, outputs: 0) { _ in
            count = table.capability_count?(table.plugin_data) ?? 0
            return 0
        }
        guard count >= 1, count <= 1024 else {
            throw fault(.malformed, "capabilities", "the plugin says that it has \(count) guarantees")
        }
        var all: [UInt8] = []
        for index in 0..<count {
            var capability = vin_privacy_capability()
            capability.struct_size = UInt32(MemoryLayout<vin_privacy_capability>.size)
            _ = try run(.capabilities, outputs: 0) { _ in
                table.capability?(table.plugin_data, index, &capability) ?? -1
            }
            all += Plain.bytes(capability)
        }
        return [all]
    }

    /// Inputs: sensitivity in grid steps, grid bits. Buffers: one, protected in place.
    private func release(
        _ table: vin_privacy, _ inputs: [[UInt8]], _ buffers: [PluginBuffer]
    ) throws(PluginError) -> [[UInt8]] {
        guard let sensitivity = Plain.value(input(inputs, 0), as: UInt64.self),
            let gridBits = Plain.value(input(inputs, 1), as: UInt32.self), buffers.count == 1
        else { throw badStruct(.release) }
        let values = buffers[0].values
        var release = vin_privacy_release(
            struct_size: UInt32(MemoryLayout<vin_privacy_release>.size), flags: 0,
            sum: UnsafePointer(values.baseAddress), out: values.baseAddress, count: UInt64(values.count),
            sensitivity_grid: sensitivity, grid_bits: gridBits, reserved: 0)
        return try run(.release, outputs: 1) { sinks in
            table.release?(table.plugin_data, &release, sinks[0].sink) ?? -1
        }
    }
}
