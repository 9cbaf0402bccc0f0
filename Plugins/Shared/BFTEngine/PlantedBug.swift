/// Bugs that the simulator must find. Only builds with `PLANTED_BUGS` have them, which the tests make of these sources:
/// in the plugins that ship there is no place where one could be planted.
package enum PlantedBug: String, CaseIterable, Sendable {
    /// Votes for any proposal, whatever it has committed to.
    case skippedLock
    /// Takes one unit of power less for a quorum.
    case quorumOffByOne
    /// Signs before anything is written.
    case lostMemory
    /// Accuses nobody.
    case evidenceIgnored
    /// Takes a proposal of any time.
    case staleTime
}

extension BFTEngine {
    @inline(__always)
    func hasPlanted(_ bug: PlantedBug) -> Bool {
        #if PLANTED_BUGS
        planted == bug
        #else
        false
        #endif
    }
}
