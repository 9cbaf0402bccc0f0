import Glibc
import Testing

@testable import PrivacyDP

private let peersPython = getenv("VINCULUM_PEERS_PYTHON").map { String(cString: $0) }

@Suite("The accountant beside dp-accounting")
struct AccountantPeerTests {
    @Test(
        "agrees within 1 % and is never below by more than rounding",
        .enabled(if: peersPython != nil, "VINCULUM_PEERS_PYTHON names no interpreter with dp-accounting"))
    func agrees() throws {
        let python = try #require(peersPython)
        let cases: [(noise: Double, rounds: UInt64, delta: Double)] = [
            (0.8, 1, 1e-5), (1, 10, 1e-5), (4, 30, 1e-5), (8, 100, 1e-6), (20, 1000, 1e-5), (50, 30, 1e-8),
            (2, 3, 1e-3),
        ]
        let orders = RenyiOrders.quarters.map { String(Double($0) / 4) }.joined(separator: ",")
        let list = cases.map { "(\($0.noise),\($0.rounds),\($0.delta))" }.joined(separator: ",")
        let program =
            "import dp_accounting as d; from dp_accounting.rdp import RdpAccountant as A\n"
            + "for z,n,e in [\(list)]:\n a=A([\(orders)]); a.compose(d.GaussianDpEvent(z),n); print(a.get_epsilon(e))\n"
        let pipe = try #require(popen("'\(python)' -c '\(program)'", "r"))
        var text = [CChar](repeating: 0, count: 4096)
        let size = fread(&text, 1, 4095, pipe)
        #expect(pclose(pipe) == 0)
        let peers = String(decoding: text[..<size].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            .split(separator: "\n").compactMap { Double($0) }
        #expect(peers.count == cases.count)
        for (wanted, peer) in zip(cases, peers) {
            let sensitivity: UInt64 = 1 << 20
            let sigma = try #require(NoiseScale(numerator: UInt64(wanted.noise * Double(sensitivity))))
            let spent = RenyiAccountant.composed(
                RenyiAccountant.cost(sensitivity: sensitivity, sigma: sigma), uses: wanted.rounds)
            let epsilon = Double(try #require(RenyiAccountant.epsilon(spent: spent, delta: wanted.delta))) / 1e9
            #expect(abs(epsilon - peer) <= 0.01 * peer, "\(wanted): \(epsilon), dp-accounting \(peer)")
            #expect(epsilon >= peer - 1e-8)
        }
    }
}
