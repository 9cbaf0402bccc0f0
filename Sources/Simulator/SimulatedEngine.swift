package import PluginHost

/// An engine behind the plugin interface's own form: records in, records out. One life of one validator.
///
/// A value that tests link in fits as well as a library. An engine that keeps its order in a log outside the validators
/// fits too: whoever makes it gives it the log, and the log's answers reach it in the step that follows, as they reach
/// such an engine in a node.
package protocol SimulatedEngine: AnyObject {
    /// - Parameter snapshot: what the newest persist effect held; empty on the first start.
    func start(snapshot: [UInt8]) throws
    /// One event's record in, a batch of effects out. A step that throws has no effect (CON-3).
    func step(_ event: [UInt8]) throws -> [UInt8]
}

/// What begins the lives of a validator's engine. Called on the thread of the run.
package typealias EngineMaker = (_ validator: Int) throws -> any SimulatedEngine

/// The very library that a node loads, through the plugin interface, in this process.
package final class LibraryEngine: SimulatedEngine {
    private let instance: ConsensusInstance

    package init(_ factory: ConsensusFactory) throws(PluginError) { instance = try factory.make() }

    package func start(snapshot: [UInt8]) throws { try instance.start(snapshot: snapshot) }

    package func step(_ event: [UInt8]) throws -> [UInt8] { try instance.step(encoded: event) }
}
