/* Avro's variable-length integers, read strictly: as schemas/headrace/schemas/varint.py reads them. */
#ifndef HEADRACE_VARINT_H
#define HEADRACE_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Why a message is refused; schemas/headrace/schemas/columns.py holds the words, in this order. */
enum reason {
    ACCEPTED,
    ENDS,
    BEYOND_64_BITS,
    LONGER_THAN_NEEDED,
    NEGATIVE_LENGTH,
    NO_BRANCH,
    NO_BOOLEAN,
    NOT_UTF8,
    NO_UUID,
    OUT_OF_RANGE,
    NO_SYMBOL,
    DECIMAL_LENGTH,
    TOO_MANY_DIGITS,
    TOO_MANY_ITEMS,
    MORE_ITEMS_THAN_BYTES,
    BLOCK_SIZE,
    KEY_TWICE,
    TOO_WIDE,
    BYTES_FOLLOW,
    TOO_LARGE,
    TWO_READINGS,
    NO_MEMORY, /* these two are the caller's to raise */
    COLUMN_FULL,
};

/* One message, and how far it has been read. */
typedef struct {
    const uint8_t *start, *at, *end;
} reader;

static inline enum reason read_long_slowly(reader *from, int64_t *value) {
    uint64_t result = 0;
    int shift = 0;
    for (const uint8_t *at = from->at; at < from->end; at++, shift += 7) {
        if (shift == 63) { /* the tenth byte: one bit is left */
            if (*at >= 0x80) return BEYOND_64_BITS;
            if (*at != 1) return LONGER_THAN_NEEDED;
        }
        result |= (uint64_t)(*at & 0x7F) << shift;
        if (*at < 0x80) {
            if (*at == 0 && shift > 0) return LONGER_THAN_NEEDED;
            from->at = at + 1;
            *value = (int64_t)(result >> 1) ^ -(int64_t)(result & 1);
            return ACCEPTED;
        }
    }
    return ENDS;
}

/* Read one zigzag varint; the reader stays where it is when it is refused. */
static inline enum reason read_long(reader *from, int64_t *value) {
    if (from->at < from->end && *from->at < 0x80) {
        uint8_t byte = *from->at++;
        *value = (byte >> 1) ^ -(byte & 1);
        return ACCEPTED;
    }
    return read_long_slowly(from, value);
}

/* Read a length of bytes that are there; the reader is behind the length afterwards. */
static inline enum reason read_length(reader *from, int64_t *length) {
    enum reason why = read_long(from, length);
    if (why != ACCEPTED) return why;
    if (*length < 0) return NEGATIVE_LENGTH;
    return *length > from->end - from->at ? ENDS : ACCEPTED;
}

#endif
