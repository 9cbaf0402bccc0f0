/*
 * vinculum/record.h: flat records, for lists that cross a process boundary verbatim.
 *
 * A record is a C struct that begins with vin_record, followed by trailing bytes that its vin_span fields point to.
 * Integers are little-endian. Records contain no pointers.
 *   REC-1  A record starts at a multiple of 8 bytes from the start of its list. `size` counts header, struct and
 *          trailing bytes, without the zero bytes that fill up to the next multiple of 8.
 *   REC-2  `size` is at least the size of the struct in the version that added the kind, and at most
 *          VIN_RECORD_SIZE_MAX.
 *   REC-3  A span lies inside its record: offset >= size of the struct as written, offset + size <= record.size.
 *          An empty span is {0, 0}. A span that holds structs has an offset that is a multiple of 8.
 *   REC-4  Bytes between the struct, the spans and the next record are zero. Reserved fields are zero.
 *   REC-5  A list is refused as a whole when one of its records is malformed or of an unknown kind.
 */
#ifndef VINCULUM_RECORD_H
#define VINCULUM_RECORD_H

#include "base.h"

#define VIN_RECORD_SIZE_MAX (64u * 1024u * 1024u)

typedef struct vin_record {
    uint32_t kind; /* which struct this is; each interface has its own numbers, append-only, zero is never used */
    uint32_t size; /* bytes of the record without padding */
} vin_record;

typedef struct vin_span {
    uint32_t offset; /* bytes from the start of the record */
    uint32_t size;   /* bytes */
} vin_span;

#endif
