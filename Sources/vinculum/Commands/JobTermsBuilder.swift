import Federation
import Node
import Primitives

/// The terms of a job file, planned with the plugins that are installed here.
struct JobTermsBuilder: Sendable {
    let file: JobFile
    private let preparation: JobPreparation

    /// - Parameter aggregator: who aggregates unless the file names somebody.
    init(_ file: JobFile, aggregator: AccountID, plugins: PluginCatalogue = ConfigurationFiles.installedPlugins) throws
    {
        self.file = file
        let parts = JobPreparation.Parts(
            mechanism: try PluginReference(plugins.manifest(file.privacyPlugin)), shown: .singleUpdates,
            verifiers: try file.verifiers.map { try PluginReference(plugins.manifest($0)) },
            privacy: try plugins.privacy(file.privacyPlugin))
        preparation = JobPreparation(
            file: file, parts: parts, aggregator: aggregator, trainer: try ConfigurationFiles.shippedTrainerDigest)
    }

    /// The model that training starts from where the file names none: random weights from its seed.
    func initialModel() throws -> [UInt8] { try preparation.initialModel() }

    func terms(model: CID, holdout: CID) async throws -> JobTerms {
        try await preparation.terms(model: model, holdout: holdout)
    }
}
