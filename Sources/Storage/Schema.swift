/// One version of the file format: how to make a new file, and how to bring an older one forward.
struct Schema {
    /// Grows by one with every change of the tables.
    let version: Int
    let create: String
    /// The statements that lead from a version (the key) to the next one.
    let migrations: [Int: String]

    /// Marks the file as ours ("VINC"), so that another program's database is not taken for a damaged one.
    static let applicationID: Int64 = 0x5649_4e43

    static let current = Schema(
        version: 2,
        create: """
            CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;
            -- Every table that a block touches costs a partly filled page in the log, so a block is two rows and the
            -- hashes that it adds. Headers stay for ever; bodies can be pruned.
            CREATE TABLE blocks(height INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, first_slot INTEGER NOT NULL,
                transaction_count INTEGER NOT NULL, first_sequence INTEGER NOT NULL, event_count INTEGER NOT NULL,
                checksum INTEGER NOT NULL, header BLOB NOT NULL, certificate BLOB NOT NULL);
            -- What a restart reads comes first and has a checksum of its own, so that nothing else is read for it.
            CREATE TABLE bodies(height INTEGER PRIMARY KEY, changes_checksum INTEGER NOT NULL,
                events_checksum INTEGER NOT NULL, checksum INTEGER NOT NULL, changes BLOB NOT NULL,
                events BLOB NOT NULL, transaction_keys BLOB NOT NULL, receipts BLOB NOT NULL,
                transactions BLOB NOT NULL);
            -- Sorted runs (SortedRuns.swift): transaction id to slot, account and kind to event.
            CREATE TABLE runs(id INTEGER PRIMARY KEY, subject INTEGER NOT NULL, level INTEGER NOT NULL,
                base INTEGER NOT NULL, entry_count INTEGER NOT NULL, leaf_count INTEGER NOT NULL);
            CREATE TABLE run_leaves(id INTEGER PRIMARY KEY, entries BLOB NOT NULL);
            -- Hashes of authenticated vectors (HashRuns.swift): only appended.
            CREATE TABLE hashes(position INTEGER PRIMARY KEY, checksum INTEGER NOT NULL, hashes BLOB NOT NULL);
            CREATE TABLE snapshots(height INTEGER PRIMARY KEY, complete INTEGER NOT NULL, root BLOB NOT NULL,
                note BLOB NOT NULL);
            CREATE TABLE snapshot_chunks(height INTEGER NOT NULL, position INTEGER NOT NULL, digest BLOB NOT NULL,
                PRIMARY KEY(height, position)) WITHOUT ROWID;
            CREATE INDEX snapshot_chunks_by_digest ON snapshot_chunks(digest);
            CREATE TABLE chunks(digest BLOB NOT NULL UNIQUE, checksum INTEGER NOT NULL, content BLOB NOT NULL);
            CREATE TABLE cursors(name TEXT PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID;
            CREATE TABLE records(namespace TEXT NOT NULL, key BLOB NOT NULL, checksum INTEGER NOT NULL,
                content BLOB NOT NULL, PRIMARY KEY(namespace, key)) WITHOUT ROWID;
            CREATE TABLE votes(signer BLOB PRIMARY KEY, height INTEGER NOT NULL, round INTEGER NOT NULL,
                step INTEGER NOT NULL, digest BLOB NOT NULL) WITHOUT ROWID;
            """,
        migrations: [:])
}
