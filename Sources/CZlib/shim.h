#pragma once
#include <zlib.h>

/// `inflateInit2` is a macro in zlib's header, which Swift cannot call. Windows of 15 bits, gzip wrapping only.
static inline int vin_gzip_inflate_start(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
