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
    }

    public let code: Code
    /// Id of the plugin, or the file when there is no id yet.
    public let plugin: String
    /// "step", "create", "manifest" and so on.
    public let call: String
    public let message: String
    /// The status that the plugin answered; 0 if the host found the fault itself.
    public let status: Int32

    public init(_ code: Code, plugin: String, call: String, _ message: String, status: Int32 = 0) {
        self.code = code
        self.plugin = plugin
        self.call = call
        self.message = message
        self.status = status
    }

    public var description: String {
        let suffix = status == 0 ? "" : " (status \(status))"
        return "\(plugin): \(call): \(message)\(suffix)"
    }
}
