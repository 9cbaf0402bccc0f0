import Glibc
import PluginHost
import Primitives
import Testing

/// Signatures, digests, versions and services are checked before any code is loaded.
@Suite struct TrustTests {
    // Made with minisign 0.11 over the bytes below.
    private static let message = Array("vinculum manifest\n".utf8)
    private static let key = """
        untrusted comment: minisign public key 4FDBD386AD42B4B1
        RWSxtEKthtPbT10jU/jH2gAMkS1+//G6sVnT19EzNoJFamlXc8NRWyCu
        """
    private static let prehashed = """
        untrusted comment: signature from minisign secret key
        RUSxtEKthtPbT6RkJi24wZuAxL/xiOeyHup+JayRBoRgO4MmvXvZDIDQqF3b2EsHIYO5/oRnsX56gTCYdGjUuVNwOZCrzJF8BgY=
        trusted comment: prehashed
        MATraiF2J1sIOTkgdavYqL+QcWkH0ABfsQvAgK6peF/ozxe0L2IHqsKzqnNFP6m3Snk+LDDX3OW686dVCb/6Aw==
        """
    private static let legacy = """
        untrusted comment: signature from minisign secret key
        RWSxtEKthtPbT67bUPW8Fl+5Fee0XOccVsv4wpSX7siqpZqe2lUosGORrVuHsFKzLHMX6SrN36FWb1inItQXlh/2cKU5/PM6LQw=
        trusted comment: legacy
        MtdlQqqZcRSBkMIRj+9Cwd7tsukp/jYlu1/3LaPlF6Xo91skFymBtz2wQ/q08Cw9IP+nCrVSKrn5q11KrASjDA==
        """

    @Test func bothFormsOfMinisignVerify() throws {
        let key = try MinisignPublicKey(text: Self.key, file: "key")
        #expect(key.keyIDText == "4FDBD386AD42B4B1")
        for (text, isPrehashed) in [(Self.prehashed, true), (Self.legacy, false)] {
            let signature = try MinisignSignature(text: text, file: "signature")
            #expect(signature.isPrehashed == isPrehashed)
            try signature.verify(Self.message, by: key, file: "manifest")
        }
    }

    @Test func aChangedMessageOrCommentIsRefused() throws {
        let keys = TrustedKeys(keys: [try MinisignPublicKey(text: Self.key, file: "key")])
        for text in [Self.prehashed, Self.legacy] {
            #expect(
                pluginError { try keys.verify(Self.message + [0], signature: text, file: "m") }?.message
                    == "the signature does not match the file")
        }
        let renamed = Self.prehashed.replacing("trusted comment: prehashed", with: "trusted comment: other")
        #expect(
            pluginError { try keys.verify(Self.message, signature: renamed, file: "m") }?.message
                == "the trusted comment was changed")
        #expect(pluginError { try keys.verify(Self.message, signature: "nonsense", file: "m") }?.code == .signature)
        #expect(
            pluginError { try TrustedKeys(keys: []).verify(Self.message, signature: Self.legacy, file: "m") }?.message
                .contains("not trusted") == true)
    }

    @Test func anUnsignedPluginIsRefusedUnlessItsDigestIsNamed() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        let error = pluginError { _ = try fixture.registry(unsigned: false).consensus("engine") }
        #expect(error?.code == .signature)
        #expect(error?.message.contains("missing") == true)
        _ = try fixture.registry().consensus("engine")
    }

    @Test func aBadSignatureIsRefused() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try Fixture.write("\(fixture.prefix)/etc/vinculum/trusted-keys/test.pub", Self.key)
        try Fixture.write(fixture.manifestPath + ".minisig", Self.prehashed)
        let error = pluginError { _ = try fixture.registry(unsigned: false).consensus("engine") }
        #expect(error?.code == .signature)
        #expect(error?.message == "the signature does not match the file")
    }

    @Test func anotherLibraryThanTheManifestPromisesIsRefused() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try fixture.writeManifest(sha256: Digest.sha256([1]))
        let registry = PluginRegistry(
            folders: PluginFolders(prefix: fixture.prefix), allowedUnsigned: [Digest.sha256([1])])
        #expect(pluginError { _ = try registry.consensus("engine") }?.code == .digest)
    }

    @Test func anOlderVersionIsRefusedUnlessNamed() throws {
        let fixture = try Fixture("good", version: "1.2.0")
        defer { fixture.remove() }
        try fixture.registry().enable("engine")
        try fixture.writeManifest(version: "1.1.9")
        let error = pluginError { try fixture.registry().enable("engine") }
        #expect(error?.code == .downgrade)
        #expect(error?.message.contains("1.2.0") == true)
        // As long as nobody has said so, no node loads it either.
        #expect(pluginError { _ = try fixture.registry().consensus("engine") }?.code == .downgrade)
        try fixture.registry().enable("engine", accepting: .olderVersion)
        // The library itself says 1.0.0: what is left to refuse is that, and no longer the age.
        #expect(pluginError { _ = try fixture.registry().consensus("engine") }?.code == .descriptor)
        try fixture.writeManifest(version: "1.0.0")
        try fixture.registry().enable("engine", accepting: .olderVersion)
        _ = try fixture.registry().consensus("engine")
    }

    /// Two trusted keys, one plugin: what one has made known is not the other's to replace.
    @Test func anotherSignerOfTheSamePluginIsRefusedUnlessNamed() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        func sign(_ name: String) throws {
            let folder = "\(fixture.prefix)/etc/vinculum/trusted-keys"
            let key = "\(fixture.prefix)/\(name).key"
            let make = "[ -f '\(key)' ] || minisign -G -W -f -p '\(folder)/\(name).pub' -s '\(key)' >/dev/null"
            #expect(system("\(make) ; minisign -S -s '\(key)' -m '\(fixture.manifestPath)' >/dev/null") == 0)
        }
        let registry = fixture.registry(unsigned: false)
        try sign("first")
        try registry.enable("engine")
        _ = try registry.consensus("engine")
        try sign("second")
        // The operator's word that an id may run in the host's process was about the first signer's code.
        for error in [
            pluginError { _ = try registry.consensus("engine") }, pluginError { try registry.enable("engine") },
        ] {
            #expect(error?.code == .signature)
            #expect(error?.remedy?.contains("--allow-other-signer") == true)
        }
        try registry.enable("engine", accepting: .otherSigner)
        _ = try registry.consensus("engine")
        // And the first is another one now.
        try sign("first")
        #expect(pluginError { _ = try registry.consensus("engine") }?.code == .signature)
    }

    @Test func theManifestMustAgreeWithTheDescriptor() throws {
        let fixture = try Fixture("good", version: "1.0.1")
        defer { fixture.remove() }
        let error = pluginError { _ = try fixture.registry().consensus("engine") }
        #expect(error?.code == .descriptor)
        #expect(error?.message.contains("1.0.0") == true)
    }

    @Test func aServiceThatTheKindMayNotHaveIsRefused() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try fixture.writeManifest(services: "\"log\", \"clock\"")
        let error = pluginError { _ = try fixture.registry().consensus("engine") }
        #expect(error?.code == .service)
        #expect(error?.message.contains("clock") == true)
    }

    @Test func unknownKeysAndAnotherMajorAreRefusedByName() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try fixture.writeManifest(extra: "colour = \"red\"")
        #expect(pluginError { _ = try fixture.registry().consensus("engine") }?.message == "unknown key colour")
        try fixture.writeManifest(abiMajor: 2)
        #expect(pluginError { _ = try fixture.registry().consensus("engine") }?.code == .abi)
    }

    @Test func aDisabledPluginIsNotLoaded() throws {
        let fixture = try Fixture("good")
        defer { fixture.remove() }
        try fixture.registry().disable("engine")
        #expect(pluginError { _ = try fixture.registry().consensus("engine") }?.code == .notFound)
        try fixture.registry().enable("engine")
        _ = try fixture.registry().consensus("engine")
    }
}
