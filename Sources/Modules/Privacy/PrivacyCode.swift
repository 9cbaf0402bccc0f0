import Ledger

/// Why the Privacy module refuses; append-only. The numbers are result codes of receipts.
public enum PrivacyCode: Int32, ModuleCode {
    case datasetUnknown = 302
    case datasetExists = 303
    /// The sender does not own the dataset.
    case notOwner = 304
    /// The dataset was retired, or a newer version took its place.
    case datasetClosed = 305
    /// A field of the registration is out of its range; the detail names it.
    case invalidField = 306
    /// A child has another unit, relation or delta than its parent, or a limit above the parent's.
    case parentMismatch = 307
    /// At no order is spent + reserved + cost within the limit.
    case budgetExceeded = 308
    /// A sum of costs does not fit 64 bits.
    case costOverflow = 309
    case alreadyReserved = 310
    case reservationUnknown = 311
    /// Nothing is left of the reservation.
    case nothingReserved = 312
    /// The guarantee of the job has another unit or relation than the dataset's budget, or a larger delta.
    case guaranteeMismatch = 313
    /// A cost of nothing, or a count of rounds that is zero or too large.
    case invalidCost = 314
    /// The commitment was charged before, and less than it costs now.
    case spentForLess = 315
}
