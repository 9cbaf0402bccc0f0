import Privacy

/// The keys of a privacy guarantee, the same in a site's policy and in a job.
enum GuaranteeKeys {
    static let units = ["record", "person", "site"]
    static let relations = ["add-or-remove", "replace"]
    static let adversaries = ["everyone", "everyone-but-the-aggregator", "colluding-members"]

    static func keys(section: String, epsilonName: String, epsilonMeaning: String, verb: String) -> [ConfigurationKey] {
        [
            .init(
                "\(section).unit", .text(choices: units), default: .text("record"),
                "What one neighbour differs in: \(verb). The trainers that ship bound a record's part only."),
            .init(
                "\(section).relation", .text(choices: relations), default: .text("add-or-remove"),
                "How neighbouring datasets differ."),
            .init(
                "\(section).delta", .decimal(1e-12...0.01), default: .decimal(1e-5),
                "The probability with which the bound on epsilon may fail."),
            .init(
                "\(section).adversary", .text(choices: adversaries), default: .text("everyone"),
                "Whom the guarantee holds against."),
            .init(
                "\(section).colluders", .integer(0...65_535), default: .integer(0), unit: "members",
                "With adversary = \"colluding-members\": how many may collude."),
            .init(
                required: "\(section).\(epsilonName)", .decimal(1e-6...100), example: .decimal(3), epsilonMeaning),
        ]
    }

    /// Delta is rounded down and epsilon to the nearest 1e-9: a policy never accepts more than it says.
    static func read(
        _ resolved: ResolvedConfiguration, section: String, epsilonName: String
    ) -> Guarantee {
        let adversary: Adversary =
            switch resolved.text("\(section).adversary") {
            case "everyone": .everyone
            case "everyone-but-the-aggregator": .everyoneButTheAggregator
            default: .colludingMembers(UInt32(clamping: resolved.integer("\(section).colluders")))
            }
        let unit: PrivacyUnit =
            switch resolved.text("\(section).unit") {
            case "record": .record
            case "person": .person
            default: .site
            }
        // The tiny addend takes back what binary fractions lose of decimal input such as 1e-5.
        return Guarantee(
            unit: unit,
            relation: resolved.text("\(section).relation") == "replace" ? .replace : .addOrRemove,
            deltaTrillionths: UInt64(resolved.decimal("\(section).delta") * 1e12 + 1e-3),
            adversary: adversary,
            epsilonBillionths: UInt64(resolved.decimal("\(section).\(epsilonName)") * 1e9 + 1e-3))
    }

    static func problems(_ resolved: ResolvedConfiguration, section: String) -> [ConfigurationError.Problem] {
        var problems: [ConfigurationError.Problem] = []
        let unit = resolved.text("\(section).unit")
        if unit != "record" {
            problems.append(
                .init(
                    key: "\(section).unit",
                    reason: "is \"\(unit)\", and no trainer that ships bounds what a \(unit) contributes",
                    hint: "\"record\" is what can be kept today"))
        }
        let colludes = resolved.text("\(section).adversary") == "colluding-members"
        if colludes != (resolved.integer("\(section).colluders") > 0) {
            problems.append(
                .init(
                    key: "\(section).colluders",
                    reason: colludes ? "has to be at least 1 here" : "is only for adversary = \"colluding-members\""))
        }
        return problems
    }
}
