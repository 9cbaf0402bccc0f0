import Federation
import Node
import Primitives

/// The terms of a demo's job, from its file and the plugins that this installation ships.
struct DemoJob: Sendable {
    let marker: DemoMarker

    func terms(_ file: JobFile) async throws -> JobTerms {
        let plugins = ConfigurationFiles.sitePlugins
        let parts = JobPreparation.Parts(
            mechanism: PluginReference(try plugins.manifest(file.privacyPlugin)), shown: .singleUpdates,
            verifiers: try file.verifiers.map { PluginReference(try plugins.manifest($0)) },
            privacy: try plugins.privacy(file.privacyPlugin))
        let preparation = JobPreparation(file: file, parts: parts, aggregator: try AccountID(text: marker.aggregator))
        return try await preparation.terms(
            model: try CID(text: marker.initialModel), holdout: try CID(text: marker.holdout))
    }
}
