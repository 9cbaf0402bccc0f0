import PluginHost
import Testing

/// What a manifest may not say is refused, with the line and the key.
@Suite struct ManifestTests {
    private static let good = """
        manifest = 1
        id = "org.example.x"
        name = "x"
        kind = "vin.bridge/1"
        version = "1.0.0"
        summary = "s"
        vendor = "v"
        licence = "Apache-2.0"
        library = "x.so"
        sha256 = ""
        language = "c"
        [abi]
        major = 1
        minor = 0
        [host]
        services = ["log"]
        """

    private func error(_ change: (String, String)) -> PluginError? {
        pluginError { _ = try Manifest(text: Self.good.replacing(change.0, with: change.1), file: "plugin.toml") }
    }

    @Test func theSampleIsGood() throws {
        #expect(try Manifest(text: Self.good, file: "plugin.toml").isolation == .process)
    }

    @Test(arguments: ["[=", "[[=", "  [ #", "\u{feff}[+]", "manifest = 1\n[\n]"])
    func aTableWithoutANameIsRefusedBeforeTheParserSeesIt(text: String) {
        let error = pluginError { _ = try Manifest(text: text, file: "plugin.toml") }
        #expect(error?.code == .manifest && error?.message.contains("name is missing") == true)
        #expect(error?.place?.line != nil)
    }

    @Test(arguments: ["", "a = \"\\u0000\"", "a = [", "= 1", "a = 1\na = 2", "\u{0}"])
    func whatIsNoManifestIsAnError(text: String) {
        #expect(pluginError { _ = try Manifest(text: text, file: "plugin.toml") }?.code == .manifest)
    }

    @Test func anUnknownKeyHasItsLineAndAGuess() {
        let error = error(("vendor =", "vendro ="))
        #expect(error?.message == "unknown key vendro" && error?.place?.line == 7 && error?.place?.key == "vendro")
        #expect(error?.remedy == "did you mean vendor?")
        #expect(error?.description == "plugin.toml:7: unknown key vendro")
    }

    @Test func linesAreCountedWhateverEndsThem() {
        let text = Self.good.replacing("vendor =", with: "vendro =").replacing("\n", with: "\r\n")
        let error = pluginError { _ = try Manifest(text: text, file: "plugin.toml") }
        #expect(error?.message == "unknown key vendro" && error?.place?.line == 7)
    }

    @Test(arguments: ["\"a=b\"", "\"a\\nb\"", "A", "\"\""])
    func aSettingHasAPlainName(name: String) {
        let error = error(
            (
                "services = [\"log\"]", "services = []\n[configuration.\(name)]\ntype = \"boolean\"\nsummary = \"s\""
            ))
        #expect(error?.code == .manifest && error?.place?.key == "configuration", "\(String(describing: error))")
    }

    @Test(arguments: ["a\nb=c", "a\r\nb=c", "a\u{1b}[2J"])
    func aSettingsTextIsOneLine(value: String) throws {
        let text = Self.good + "\n[configuration.note]\ntype = \"text\"\ndefault = \"\"\nsummary = \"s\""
        let manifest = try Manifest(text: text, file: "plugin.toml")
        #expect(pluginError { _ = try manifest.settingsText(["note": value]) }?.code == .setting)
    }

    @Test(arguments: ["timer", "transport"]) func aReservedServiceIsRefusedByName(service: String) {
        let error = error(("\"log\"", "\"log\", \"\(service)\""))
        #expect(error?.code == .service && error?.place?.key == "host.services" && error?.place?.line == 16)
        #expect(error?.message == "the service \(service) is reserved: no host of this version lends it (HOST-4)")
    }

    @Test func aServiceThatTheHostDoesNotLendIsRefusedByName() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try fixture.writeManifest(services: "\"log\", \"storage\"", kind: "vin.bridge/1")
        let error = pluginError { _ = try fixture.registry().bridge("engine") }
        #expect(error?.code == .service)
        #expect(error?.message == "asks for the service storage, which this host does not lend (HOST-4)")
    }

    @Test func aKindThatDoesInputAndOutputPromisesNoTrace() {
        let digest = String(repeating: "00", count: 32)
        #expect(error(("sha256 = \"\"", "sha256 = \"\"\nconformance_digest = \"\(digest)\""))?.code == .manifest)
    }
}
