/// Where a demo keeps what it needs to be repeated, resumed and looked at.
struct DemoFolder: Sendable {
    let root: String

    var marker: String { "\(root)/demo.json" }
    var node: String { "\(root)/node" }
    var nodeConfiguration: String { "\(node)/node.toml" }
    var nodeSocket: String { "\(node)/api.sock" }
    var genesis: String { "\(root)/genesis.cbor" }
    var job: String { "\(root)/job.toml" }
    var publicData: String { "\(root)/public" }
    var holdout: String { "\(publicData)/holdout.safetensors" }
    var test: String { "\(root)/test/test.safetensors" }
    var logs: String { "\(root)/logs" }
    var report: String { "\(root)/report.json" }
    var proof: String { "\(root)/payment.proof" }
    var requesterKey: String { "\(root)/requester/key" }

    func site(_ name: String) -> String { "\(root)/sites/\(name)" }
    func sitePolicy(_ name: String) -> String { "\(site(name))/site.toml" }
    func siteData(_ name: String) -> String { "\(site(name))/data/train.safetensors" }
    func log(_ name: String) -> String { "\(logs)/\(name).log" }
}
