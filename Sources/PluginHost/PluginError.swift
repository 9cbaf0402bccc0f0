/// Why something with a plugin did not work. Names the plugin, the call and the message of the plugin or the host.
///
/// Only `code` is meant for decisions; the rest is for people.
public struct PluginError: Error, Sendable, Hashable, CustomStringConvertible {
    public enum Code: String, Sendable, CaseIterable {
        /// The manifest is malformed or holds something that is not allowed.
        case manifest
        /// A signature is missing, malformed, by an unknown key, or wrong.
        case signature
        /// A digest is not the one that was promised.
        case digest
        /// An older version than one seen before.
        case downgrade
        /// No such plugin, file or key.
        case notFound
        /// Another ABI major, or a minor above the host's.
        case abi
        /// A table or struct is too short, a pointer is missing, a reserved field is set.
        case layout
        /// The descriptor says something else than the manifest.
        case descriptor
        /// A service that the kind may not have.
        case service
        /// A setting that the schema does not allow.
        case setting
        /// A required plugin is missing, or a conflicting one is enabled.
        case relation
        /// The library exports more than its entry, or wants what its kind may not have.
        case symbols
        /// The library could not be loaded.
        case load
        /// The plugin answered with an error.
        case failed
        /// The plugin answered with records that break the rules.
        case malformed
        /// More output than the caller takes.
        case overflow
        /// No answer in time; the child was killed.
        case timeout
        /// The child process died.
        case crashed
        /// The child broke the protocol between the processes.
        case protocolBroken
        /// The instance has been closed, by a crash or by its owner.
        case closed
        /// A file or a system call failed.
        case system
        /// It is there already and is not overwritten.
        case exists
    }

    /// Where in a file something is wrong; lines and columns count from 1.
    public struct Place: Sendable, Hashable {
        public let file: String
        public let line: Int?
        public let column: Int?
        /// The dotted name of the key.
        public let key: String?

        public init(file: String, line: Int? = nil, column: Int? = nil, key: String? = nil) {
            self.file = file
            self.line = line
            self.column = column
            self.key = key
        }
    }

    public let code: Code
    /// Id of the plugin, or the file when there is no id yet.
    public let plugin: String
    /// "step", "create", "manifest" and so on.
    public let call: String
    public let message: String
    /// The status that the plugin answered; 0 if the host found the fault itself.
    public let status: Int32
    /// Nil for what is not about a file's text.
    public let place: Place?
    /// What to do about it, if there is something better to say than what `remedy` says of the code.
    public let hint: String?

    public init(
        _ code: Code, plugin: String, call: String, _ message: String, status: Int32 = 0, place: Place? = nil,
        hint: String? = nil
    ) {
        self.code = code
        self.plugin = plugin
        self.call = call
        self.message = message
        self.status = status
        self.place = place
        self.hint = hint
    }

    /// What to do about it.
    public var remedy: String? {
        if let hint { return hint }
        return switch code {
        case .signature:
            "install a version that a key in trusted-keys has signed, or name the library's sha256 in "
                + "plugins.allow_unsigned_sha256"
        case .digest: "install the plugin again: the library is not the one that was signed"
        case .downgrade: "--allow-older accepts it"
        case .symbols: "`vinculum plugin check` names the rules; --allow-symbols accepts it"
        case .notFound: "`vinculum plugin list` shows what is installed"
        case .abi, .layout, .descriptor, .load: "install a build of the plugin for this version of vinculum"
        case .manifest, .service, .setting: "Plugins/README.md lists what a manifest may say"
        case .crashed, .timeout, .protocolBroken, .closed, .malformed, .overflow: "tell the plugin's vendor"
        case .relation, .failed, .system, .exists: nil
        }
    }

    public var description: String {
        if let place, let line = place.line {
            return "\(place.file):\(line)\(place.column.map { ":\($0)" } ?? ""): \(message)"
        }
        let suffix = status == 0 ? "" : " (status \(status))"
        return "\(plugin): \(call): \(message)\(suffix)"
    }
}
