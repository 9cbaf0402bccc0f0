import Glibc

/// A path without `.`, `..` and doubled slashes: as it is when absolute, else below `folder`, which starts from the
/// current folder when it is relative itself.
///
/// Dots are resolved by name, as a person reads them; links are not followed.
public func absolutePath(_ path: String, from folder: String) -> String {
    var parts: [Substring] = []
    let base = folder.hasPrefix("/") ? folder : "\(currentFolder)/\(folder)"
    for part in (path.hasPrefix("/") ? path : "\(base)/\(path)").split(separator: "/") {
        switch part {
        case ".": continue
        case "..": _ = parts.popLast()
        default: parts.append(part)
        }
    }
    return "/" + parts.joined(separator: "/")
}

/// The folder that this process was started in, or the root where it is gone.
public var currentFolder: String {
    guard let folder = getcwd(nil, 0) else { return "/" }
    defer { free(folder) }
    return String(cString: folder)
}
