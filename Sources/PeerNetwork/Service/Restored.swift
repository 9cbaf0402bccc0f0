import Logging
import Primitives

/// What an earlier life left. Damage costs what was learnt, never the start.
enum Restored {
    private static let anchorLimit = 16

    static func book(_ bytes: [UInt8], _ logger: Logger) -> AddressBook {
        if !bytes.isEmpty {
            do { return try AddressBook(decoding: bytes) } catch {
                logger.warning("the address book is lost: \(error)")
            }
        }
        return AddressBook(salt: SecureRandom.bytes(count: 32))
    }

    static func ledger(_ bytes: [UInt8], _ configuration: PeerLedger.Configuration, _ logger: Logger) -> PeerLedger {
        if !bytes.isEmpty {
            do { return try PeerLedger(decoding: bytes, configuration: configuration) } catch {
                logger.warning("the record of peers' conduct is lost: \(error)")
            }
        }
        return PeerLedger(configuration: configuration)
    }

    static func anchors(_ bytes: [UInt8], _ logger: Logger) -> [AddressBook.Key] {
        guard !bytes.isEmpty else { return [] }
        var keys: [AddressBook.Key] = []
        do throws(CBORError) {
            try CBORDecoder.read(bytes) { (decoder) throws(CBORError) in
                let count = try decoder.array()
                guard count <= anchorLimit else { throw decoder.invalid("\(count) anchors") }
                for _ in 0..<count {
                    try decoder.array(count: 2)
                    let (peer, address) = (try decoder.bytes(), try decoder.bytes())
                    guard let id = try? PeerID(multihash: peer), let place = try? Multiaddr(bytes: address) else {
                        throw decoder.invalid("an anchor that is no peer and address")
                    }
                    keys.append(AddressBook.Key(id, place))
                }
            }
        } catch {
            logger.warning("the last peers are lost: \(error)")
        }
        return keys
    }

    static func encode(_ anchors: [AddressBook.Key]) -> [UInt8] {
        var encoder = CBOREncoder()
        encoder.array(count: anchors.count)
        for anchor in anchors {
            encoder.array(count: 2)
            encoder.bytes(anchor.peer.bytes)
            encoder.bytes(anchor.address.bytes)
        }
        return encoder.finish()
    }
}
