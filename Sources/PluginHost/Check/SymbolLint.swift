/// What a library exports and wants, by its dynamic symbols: found without running any of it.
///
/// A lint, not a boundary: a library that means harm finds what it wants in other ways, and the boundary is the child
/// process. It finds what an author did not mean: a clock in a kind that has to be deterministic, a symbol too many.
struct SymbolLint {
    static let entry = "vin_plugin_entry_v1"
    /// What linkers put into every library.
    private static let linker: Set<String> = ["_init", "_fini", "__bss_start", "_edata", "_end"]

    /// What it exports beside the entry, or nil where that is as it should be.
    let exportFault: String?
    /// What a sans-IO plugin may not want, or nil.
    let wantFault: String?

    /// Nil for a file that is no library.
    init?(_ library: [UInt8], isSansIO: Bool) {
        guard let symbols = ElfSymbols(library) else { return nil }
        let exported = symbols.exported.filter { !Self.linker.contains($0) }
        exportFault =
            exported == [Self.entry]
            ? nil : "exports \(exported.count) symbols: \(exported.prefix(5).joined(separator: ", "))"
        let banned = isSansIO ? symbols.undefined.filter { !AllowedSymbols.permits($0) } : []
        wantFault = banned.isEmpty ? nil : "wants \(banned.prefix(8).joined(separator: ", "))"
    }

    /// Refuses a library that `vinculum plugin check` would fail for its symbols, unless the operator accepts it.
    static func check(
        _ library: SealedLibrary, _ manifest: Manifest, accepting consent: PluginConsent
    ) throws(PluginError) {
        guard !consent.contains(.foreignSymbols) else { return }
        guard let lint = SymbolLint(try library.bytes(), isSansIO: manifest.isSansIO) else {
            throw PluginError(
                .symbols, plugin: manifest.id, call: "symbols", "is no 64-bit ELF library with dynamic symbols")
        }
        let faults = [lint.exportFault, lint.wantFault].compactMap { $0 }
        guard faults.isEmpty else {
            throw PluginError(.symbols, plugin: manifest.id, call: "symbols", faults.joined(separator: "; "))
        }
    }
}
