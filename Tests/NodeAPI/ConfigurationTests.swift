import Federation
import Foundation
import Node
import PluginHost
import Primitives
import Privacy
import Testing

/// Configuration files: documented, strict, and every problem with its place.
@Suite struct ConfigurationTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "etc")

    static func node(
        _ text: String, environment: [String: String] = [:], flags: [String: String] = [:]
    ) throws(ConfigurationError) -> ResolvedConfiguration {
        try ResolvedConfiguration(
            schema: NodeConfiguration.schema, text: text, file: "node.toml", environment: environment, flags: flags)
    }

    static func problems(_ text: String) -> [ConfigurationError.Problem] {
        do throws(ConfigurationError) {
            _ = try node(text)
            return []
        } catch {
            return error.problems
        }
    }

    static let schemas = ["node": NodeConfiguration.schema, "site": SitePolicy.schema, "job": JobFile.schema]

    @Test(arguments: ["node", "site", "job"]) func theCommittedFileIsTheDocumentedOne(name: String) throws {
        let schema = try #require(Self.schemas[name])
        let text = try String(contentsOf: Self.folder.appending(path: "\(name).toml"), encoding: .utf8)
        #expect(text == schema.documentedFile(), "run `vinculum config default \(name) > etc/\(name).toml`")
    }

    @Test(arguments: ["node", "site", "job"]) func everyKeyIsDocumentedAndHasAPossibleDefault(name: String) throws {
        let schema = try #require(Self.schemas[name])
        #expect(Set(schema.keys.map(\.name)).count == schema.keys.count)
        #expect(Set(schema.keys.map(\.environmentName)).count == schema.keys.count)
        for key in schema.keys {
            #expect(key.meaning.count > 10 && key.meaning.hasSuffix("."), "\(key.name)")
            if case .integer = key.kind, key.name.hasSuffix("_ms") {
                #expect(key.unit == "milliseconds", "\(key.name)")
            }
            if case .integer = key.kind, key.name.hasSuffix("_bytes") { #expect(key.unit == "bytes", "\(key.name)") }
        }
        // Defaults pass their own checks: a file with required keys alone resolves to a full set of values.
        let resolved = try ResolvedConfiguration(schema: schema, text: schema.documentedFile(), file: "documented")
        #expect(Set(resolved.values.keys) == Set(schema.keys.map(\.name)))
    }

    @Test func aFlagWinsOverEnvironmentOverFileOverDefault() throws {
        let text = "[api]\ntcp_port = 1001\n"
        let environment = ["VINCULUM_API_TCP_PORT": "1002", "VINCULUM_OTHER": "x"]
        #expect(try Self.node("").integer("api.tcp_port") == 0)
        #expect(try Self.node(text).integer("api.tcp_port") == 1001)
        #expect(try Self.node(text, environment: environment).integer("api.tcp_port") == 1002)
        let flagged = try Self.node(text, environment: environment, flags: ["api.tcp_port": "1003"])
        #expect(flagged.integer("api.tcp_port") == 1003)
        #expect(flagged.origins["api.tcp_port"] == .flag("--set api.tcp_port"))
    }

    @Test func anUnknownKeyIsRefusedWithItsPlaceAndTheNearestKnownOne() throws {
        let problem = try #require(Self.problems("[api]\n\ntcp_prot = 1\n").first)
        #expect(problem.key == "api.tcp_prot" && problem.line == 3)
        #expect(problem.hint == "did you mean api.tcp_port?")
        #expect(Self.problems("[ap]\ntcp_port = 1\n").first?.hint == "did you mean api.tcp_port?")
        #expect(Self.problems("qwertyuiop = 1\n").first?.hint?.contains("config default") == true)
        #expect(Self.problems("[deep.er.still]\nx = 1\n").first?.key == "deep.er.still.x")
        #expect(Self.problems("[empty]\n").first?.key == "empty")
    }

    @Test(arguments: [
        ("[api]\ntcp_port = 65536\n", "api.tcp_port"), ("[api]\ntcp_port = -1\n", "api.tcp_port"),
        ("[api]\ntcp_port = \"80\"\n", "api.tcp_port"), ("[api]\ntcp_port = 80.0\n", "api.tcp_port"),
        ("[api]\ntcp_port = 1979-05-27\n", "api.tcp_port"), ("[api]\ntcp_port = {a = 1}\n", "api.tcp_port"),
        ("[log]\nlevel = \"loud\"\n", "log.level"),
        ("[plugins]\nisolated = [1]\n", "plugins.isolated"),
        ("plugin = 3\n", "plugin"),
    ])
    func aWrongValueNamesItsKeyAndWhatIsAllowed(text: String, key: String) throws {
        let problem = try #require(Self.problems(text).first)
        #expect(problem.key == key)
        #expect(problem.reason.contains("has to be"))
    }

    @Test func allProblemsComeAtOnce() {
        #expect(Self.problems("[api]\ntcp_port = -1\nbogus = 2\n[log]\nlevel = 3\n").count == 3)
    }

    @Test func aSyntaxErrorHasFileLineAndColumn() throws {
        do throws(ConfigurationError) {
            _ = try Self.node("[api]\ntcp_port = = 3\n")
            Issue.record("it was taken")
        } catch {
            #expect(error.description.hasPrefix("node.toml:2:"), "\(error)")
        }
    }

    @Test func pluginsHaveTablesOfTheirOwn() throws {
        let table = "[plugin.\"org.example.x\"]\nlevel = 3\nfast = true\nname = \"n\"\n"
        let settings = ["level": "3", "fast": "true", "name": "n"]
        let node = NodeConfiguration(resolved: try Self.node(table), baseFolder: "/b")
        #expect(try node.pluginSettings("org.example.x") == settings)
        #expect(try node.pluginSettings("org.example.y").isEmpty)
        let site = try SitePolicy(text: Self.site + "\n" + table, file: "site.toml", baseFolder: "/s")
        #expect(try site.pluginSettings("org.example.x") == settings)
        let odd = NodeConfiguration(resolved: try Self.node("[plugin.\"x\"]\na = [1]\n"), baseFolder: "/b")
        #expect(throws: PluginError.self) { try odd.pluginSettings("x") }
    }

    @Test func theOperatorSaysWherePluginsRun() throws {
        let table = "[plugins]\nisolation = \"process\"\nisolated = [\"a.b\"]\nin_process = [\"c.d\"]\n"
        let policy = IsolationPolicy(isolatesEverything: true, isolated: ["a.b"], inProcess: ["c.d"])
        #expect(NodeConfiguration(resolved: try Self.node(table), baseFolder: "/b").isolationPolicy == policy)
        let site = try SitePolicy(text: Self.site + "\n" + table, file: "site.toml", baseFolder: "/s")
        #expect(site.isolationPolicy == policy)
        #expect(
            try SitePolicy(text: Self.site, file: "site.toml", baseFolder: "/s").isolationPolicy == IsolationPolicy())
    }

    @Test func relativePathsStartFromTheFile() throws {
        let configuration = NodeConfiguration(resolved: try Self.node("[objects]\nfolder = \"/o\"\n"), baseFolder: "/b")
        #expect(configuration.keyFile == "/b/keys/node.key")
        #expect(configuration.dataFolder == "/b" && configuration.objectFolder == "/o")
    }

    static let site = """
        [site]
        name = "n"
        nodes = ["unix:/x"]
        [dataset]
        name = "d"
        path = "data"
        size_band = 5000
        [policy]
        requesters = ["did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp"]
        purposes = ["p"]
        trainers = ["0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8"]
        [guarantee]
        unit = "record"
        epsilon_per_job = 3
        [budget]
        epsilon_total = 4
        per_job_share = 0.5
        """

    @Test func aPolicyBecomesRulesThatAreNeverWeaker() throws {
        let policy = try SitePolicy(text: Self.site, file: "site.toml", baseFolder: "/s")
        let rules = policy.rules
        #expect(rules.weakest.epsilonBillionths == 2_000_000_000)
        #expect(rules.weakest.deltaTrillionths == 10_000_000)
        #expect(rules.weakest.unit == .record && rules.weakest.adversary == .everyone)
        #expect(rules.digest == Digest.blake2b256(Array(Self.site.utf8)))
        #expect(policy.dataFolder == "/s")
    }

    @Test(arguments: [
        ("did:key:z6MkiTBz1ymuepAQ4HEHYSF1H8quG5GLVVQR3djdX3mDooWp", "did:key:nobody", "policy.requesters"),
        ("0e5751c026e5", "xyz", "policy.trainers"), ("unit = \"record\"", "unit = \"person\"", "guarantee.unit"),
        ("unit = \"record\"", "colluders = 3", "guarantee.colluders"),
        ("epsilon_total = 4", "epsilon_total = 0", "budget.epsilon_total"),
        ("size_band = 5000", "", "dataset.size_band"),
    ])
    func aPolicyWithAContradictionIsRefused(old: String, new: String, key: String) throws {
        let text = Self.site.replacingOccurrences(of: old, with: new)
        let error = #expect(throws: ConfigurationError.self) {
            try SitePolicy(text: text, file: "site.toml", baseFolder: "/")
        }
        #expect(error?.problems.contains { $0.key == key } == true, "\(String(describing: error))")
    }

    @Test(arguments: [
        ("quorum = 2", "quorum = 1", "verification.quorum"), ("least = 1", "least = 9", "members.least"),
        ("base = \"5\"", "base = \"-5\"", "payment.base"), ("rounds = 10", "rounds = 0", "job.rounds"),
        ("held_back_share = 0.2", "held_back_share = nan", "payment.held_back_share"),
        ("epsilon = 3.0", "epsilon = inf", "privacy.epsilon"),
    ])
    func aJobThatCannotBeIsRefused(old: String, new: String, key: String) throws {
        let documented = JobFile.schema.documentedFile()
        _ = try JobFile(text: documented, file: "job.toml")
        #expect(documented.contains(old))
        let text = documented.replacingOccurrences(of: old, with: new)
        let error = #expect(throws: ConfigurationError.self) { try JobFile(text: text, file: "job.toml") }
        #expect(error?.problems.contains { $0.key == key } == true, "\(String(describing: error))")
    }

    /// Changed files are taken or refused with a reason; nothing traps.
    @Test(arguments: [UInt64](1...20)) func changedFilesAreTakenOrRefused(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let base = Array((seed % 2 == 0 ? Self.site : JobFile.schema.documentedFile()).utf8)
        for _ in 0..<30 {
            var bytes = base
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[place] =
                    Bool.random(using: &generator)
                    ? UInt8.random(in: 0...255, using: &generator)
                    : (Array("[]{}=\"'\n#.0-".utf8).randomElement(using: &generator) ?? 0)
            }
            let text = String(decoding: bytes, as: UTF8.self)
            do throws(ConfigurationError) {
                if seed % 2 == 0 {
                    _ = try SitePolicy(text: text, file: "f", baseFolder: "/").rules
                } else {
                    _ = try JobFile(text: text, file: "f").payment
                }
            } catch {
                #expect(!error.problems.isEmpty, "seed \(seed)")
                #expect(!error.description.isEmpty, "seed \(seed)")
            }
        }
    }

    @Test(arguments: [
        "[=", "[[=", "[.a]", "  [ #", "\u{feff}[+]", "a = 1\n[\n]", "a = \"\"\"x\"\"\"\"\"\n[{}]", "[[[a]]]", "[é]",
    ])
    func aTableWithoutANameIsRefusedBeforeTheParserSeesIt(text: String) {
        #expect(Self.problems(text).first?.reason.contains("name is missing") == true)
    }

    @Test func whatLooksLikeAHeaderInsideAValueIsNone() throws {
        let text =
            "[plugin.x]\na = \"\"\"\n[=\n\"\"\"\nb = [\n[+1],\n[]\n]\n"
            + "c = '''\n[='''\n'd[' = 1 # [=\n[\"plugin\".'y#']\n"
        #expect(try Self.node(text).openTables["plugin"] != nil)
    }

    @Test func aHostileFileIsBounded() {
        #expect(!Self.problems(String(repeating: "[", count: 100_000)).isEmpty)
        #expect(!Self.problems("a = " + String(repeating: "[", count: 10_000)).isEmpty)
        #expect(!Self.problems(String(repeating: "# x\n", count: 300_000)).isEmpty)
        #expect(!Self.problems("[log]\nlevel = \"info\\u0000x\"\n").isEmpty)
        #expect(!Self.problems(String(repeating: "k", count: 5000) + " = 1\n").isEmpty)
    }
}
