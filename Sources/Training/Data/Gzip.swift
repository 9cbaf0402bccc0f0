import CZlib

/// Unpacks gzip files, as Debian ships data sets.
public enum Gzip {
    /// `limit` bounds what comes out, in bytes. Errors: `malformed`, `truncated`, `tooLarge`, `trailingBytes`.
    public static func decode(_ bytes: [UInt8], limit: Int, place: String = "gzip") throws(TrainingError) -> [UInt8] {
        guard bytes.count < Int(UInt32.max), limit < Int(UInt32.max) else {
            throw TrainingError(.tooLarge, "files above 4 GiB are not unpacked", at: place)
        }
        var stream = z_stream()
        guard vin_gzip_inflate_start(&stream) == Z_OK else {
            throw TrainingError(.malformed, "zlib does not start", at: place)
        }
        defer { inflateEnd(&stream) }
        var input = bytes
        var status = Z_OK
        // One byte above the limit tells a file that fits from one that does not.
        var output = [UInt8](repeating: 0, count: limit + 1)
        let produced = input.withUnsafeMutableBufferPointer { source in
            output.withUnsafeMutableBufferPointer { target in
                stream.next_in = source.baseAddress
                stream.avail_in = UInt32(source.count)
                stream.next_out = target.baseAddress
                stream.avail_out = UInt32(target.count)
                status = inflate(&stream, Z_FINISH)
                return target.count - Int(stream.avail_out)
            }
        }
        guard produced <= limit else { throw TrainingError(.tooLarge, "more than \(limit) bytes come out", at: place) }
        switch status {
        case Z_STREAM_END: break
        case Z_BUF_ERROR, Z_OK: throw TrainingError(.truncated, "the stream does not end", at: place)
        default: throw TrainingError(.malformed, "not a gzip stream", at: place)
        }
        guard stream.avail_in == 0 else { throw TrainingError(.trailingBytes, "bytes after the stream", at: place) }
        output.removeLast(output.count - produced)
        return output
    }
}
