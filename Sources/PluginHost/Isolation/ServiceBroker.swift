import Primitives

/// Answers what a child asks of the host. The manifest's list is checked here, on the host's side: the child is not
/// trusted to keep to it.
struct ServiceBroker {
    let manifest: Manifest
    let services: HostServices

    func answer(_ frame: Frame) -> Frame {
        do throws(HostServices.Refusal) {
            return Frame(.service, code: 0, try handle(frame))
        } catch {
            return Frame(.service, code: UInt32(bitPattern: error.status), [])
        }
    }

    private func require(_ service: PluginService) throws(HostServices.Refusal) {
        guard manifest.services.contains(service) else { throw HostServices.Refusal(status: 5) }
    }

    /// Key, and value if there is one: within STO-1, to which a child keeps only if it is honest.
    private func requireStorage(_ parts: [[UInt8]]) throws(HostServices.Refusal) {
        try require(.storage)
        guard parts[0].count <= HostServices.storageKeyBytes,
            parts.dropFirst().allSatisfy({ $0.count <= HostServices.storageValueBytes })
        else { throw HostServices.Refusal(status: 1) }
    }

    private func handle(_ frame: Frame) throws(HostServices.Refusal) -> [[UInt8]] {
        let parts = frame.parts
        func text(_ index: Int) -> String { String(decoding: parts[index], as: UTF8.self) }
        switch ServiceRequest(rawValue: frame.code) {
        case .storageGet where parts.count == 1:
            try requireStorage(parts)
            guard let value = services.storageGet?(manifest.id, parts[0]) else { throw HostServices.Refusal(status: 8) }
            return [value]
        case .storagePut where parts.count == 2:
            try requireStorage(parts)
            try services.storagePut?(manifest.id, parts[0], parts[1])
            return []
        case .storageRemove where parts.count == 1:
            try requireStorage(parts)
            try services.storagePut?(manifest.id, parts[0], nil)
            return []
        case .publicKey where parts.count == 2:
            try require(.sign)
            guard let provider = services.publicKey, let scheme = Plain.value(parts[1], as: UInt32.self) else {
                throw HostServices.Refusal(status: 3)
            }
            return [try provider(manifest.id, text(0), scheme)]
        case .sign where parts.count == 4:
            try require(.sign)
            guard let provider = services.sign, let scheme = Plain.value(parts[1], as: UInt32.self) else {
                throw HostServices.Refusal(status: 3)
            }
            guard manifest.purposes.contains(text(2)) else { throw HostServices.Refusal(status: 5) }
            return [try provider(manifest.id, text(0), scheme, text(2), parts[3])]
        case .validators:
            try require(.validators)
            guard let current = services.validators?() else { throw HostServices.Refusal(status: 11) }
            let set = current.set.flatMap { $0.key.bytes + Plain.bytes($0.power) }
            return [Plain.bytes(current.height), set]
        default: throw HostServices.Refusal(status: 1)
        }
    }
}
