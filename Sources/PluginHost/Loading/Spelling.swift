/// Guesses at what a person meant to write.
public enum Spelling {
    /// How many single-character edits (with swaps of neighbours) turn one word into another: Damerau's distance in its
    /// restricted form.
    static func editDistance(_ left: String, _ right: String) -> Int {
        let a = Array(left.utf8)
        let b = Array(right.utf8)
        var rows = [[Int](0...b.count)]
        for i in 1..<(a.count + 1) {
            var row = [i] + [Int](repeating: 0, count: b.count)
            for j in 1..<(b.count + 1) {
                row[j] = min(rows[i - 1][j] + 1, row[j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1))
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    row[j] = min(row[j], rows[i - 2][j - 2] + 1)
                }
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }

    /// The known word that was probably meant; nil when none is near. Names longer than 128 bytes get no guess, so that
    /// a hostile file cannot make the comparison expensive.
    public static func nearest(to word: String, among known: [String]) -> String? {
        guard !word.isEmpty, word.utf8.count <= 128 else { return nil }
        let last = word.split(separator: ".").last.map(String.init) ?? word
        let ranked = known.filter { !$0.isEmpty }.map { candidate -> (name: String, distance: Int) in
            let tail = candidate.split(separator: ".").last.map(String.init) ?? candidate
            // The right key in the wrong section is a near miss too.
            return (candidate, tail == last ? 1 : editDistance(word, candidate))
        }
        guard let best = ranked.min(by: { ($0.distance, $0.name) < ($1.distance, $1.name) }) else { return nil }
        return best.distance <= max(2, word.utf8.count / 4) ? best.name : nil
    }
}
