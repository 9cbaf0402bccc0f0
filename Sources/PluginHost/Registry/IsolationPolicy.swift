/// Whose signature a plugin's manifest carries.
public enum PluginSigner: Sendable, Hashable {
    /// The project's own key.
    case project(MinisignPublicKey)
    /// Another key that the operator trusts.
    case other(MinisignPublicKey)
    /// Nobody: the operator has named the library's sha256.
    case nobody

    public var keyIDText: String? {
        switch self {
        case .project(let key), .other(let key): key.keyIDText
        case .nobody: nil
        }
    }
}

/// What the operator says about processes of plugins' own; the rest follows from manifest and signature.
public struct IsolationPolicy: Sendable, Hashable {
    /// Every plugin gets a process of its own.
    public var isolatesEverything: Bool
    /// Ids of plugins that get one, whatever their manifests say.
    public var isolated: Set<String>
    /// Ids of plugins that run in the host's own process, where a crash of theirs is the host's.
    public var inProcess: Set<String>

    public init(isolatesEverything: Bool = false, isolated: Set<String> = [], inProcess: Set<String> = []) {
        self.isolatesEverything = isolatesEverything
        self.isolated = isolated
        self.inProcess = inProcess
    }

    /// Where a plugin runs, and a sentence that says why.
    ///
    /// The operator's word comes first, and of two words the more careful one. Without one, the manifest decides for
    /// plugins that the project has signed, and all others are isolated: a manifest of theirs cannot ask for less.
    public func decide(_ manifest: Manifest, signer: PluginSigner) -> (isolation: PluginIsolation, reason: String) {
        if isolated.contains(manifest.id) { return (.process, "plugins.isolated names it") }
        if inProcess.contains(manifest.id) { return (.none, "plugins.in_process names it") }
        if isolatesEverything { return (.process, "plugins.isolation is \"process\"") }
        return switch signer {
        case .project: (manifest.isolation, "the manifest, or its kind, says so")
        case .other: (.process, "the project has not signed it")
        case .nobody: (.process, "nobody has signed it")
        }
    }
}
