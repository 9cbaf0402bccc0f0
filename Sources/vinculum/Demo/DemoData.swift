import Training

/// The records of a demo, dealt out: what lies at each site with its true labels, the public holdout, the test set.
struct DemoData: Sendable {
    let task: DemoTask
    let sites: [ByteDataset]
    let holdout: ByteDataset
    let test: ByteDataset

    /// Ten sites or more share everything; fewer take less, so that a small run is quick.
    private static let recordsOfSmallSite = 3_000
    private static let fullSites = 10
    private static let smallTest = 2_000

    /// Names a folder with the four files of Fashion-MNIST, where they are not those of Debian's package.
    static let folderVariable = "VINCULUM_FASHION_MNIST"

    /// Fashion-MNIST from Debian's package, else the digits that ship with the source.
    ///
    /// - Parameter digits: the path of the digits.
    static func load(_ plan: DemoPlan, digits: String) throws(TrainingError) -> DemoData {
        let (task, training, test): (DemoTask, ByteDataset, ByteDataset)
        do throws(TrainingError) {
            let folder = ProcessEnvironment.variables[Self.folderVariable] ?? PublicDataSets.fashionFolder
            (training, test) = try PublicDataSets.fashion(folder: folder)
            task = .fashion
        } catch  where error.code == .fileUnavailable {
            (training, test) = try PublicDataSets.digits(file: digits, seed: plan.options.seed)
            task = .digits
        }
        return try DemoData(plan, task: task, training: training, test: test)
    }

    private init(
        _ plan: DemoPlan, task: DemoTask, training: ByteDataset, test: ByteDataset
    ) throws(TrainingError) {
        self.task = task
        let count = plan.options.sites
        let isSmall = count < Self.fullSites
        let split = training.count - task.holdoutRecords
        holdout = try training.subset(Array(split..<training.count))
        self.test = isSmall ? try test.subset(Array(0..<min(Self.smallTest, test.count))) : test

        var places = Array(0..<split)
        if isSmall, split > count * Self.recordsOfSmallSite {
            var generator = SeededGenerator(seed: plan.options.seed, stream: DemoPlan.sampleStream)
            generator.shuffle(&places)
            places.removeLast(split - count * Self.recordsOfSmallSite)
        }
        let pool = try training.subset(places)
        let parts = try Split.dirichlet(
            labels: pool.labels, sites: count, concentration: DemoTask.concentration,
            leastCount: min(1_000, pool.count / count / 5), seed: plan.options.seed)
        var sites: [ByteDataset] = []
        for part in parts { sites.append(try pool.subset(part)) }
        self.sites = sites
    }

    /// What lies in the site's folder: its records, with labels flipped where the plan says so.
    func stored(_ index: Int, _ behaviour: DemoPlan.Behaviour) throws(TrainingError) -> ByteDataset {
        let data = sites[index]
        guard behaviour == .flip else { return data }
        return try ByteDataset(width: data.width, images: data.images, labels: data.labels.map { 9 - $0 })
    }

    func band(_ index: Int) -> Int { ReleasedUpdate.band(of: sites[index].count, step: task.bandStep) }
}
