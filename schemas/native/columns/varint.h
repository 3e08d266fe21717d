/* Read Avro's variable-length integers strictly, as schemas/headrace/schemas/varint.py does. */
#ifndef HEADRACE_VARINT_H
#define HEADRACE_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The result of decoding; schemas/headrace/schemas/columns.py has the words for each refusal. */
enum status {
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
    DUPLICATE_KEY,
    TOO_WIDE,
    BYTES_FOLLOW,
    TOO_LARGE,
    TWO_READINGS,
    NO_MEMORY, /* the caller raises an exception for these two */
    COLUMN_FULL,
};

/* One message, and the position in it. */
typedef struct {
    const uint8_t *start, *at, *end;
} reader;

static inline enum status read_long_slowly(reader *in, int64_t *value) {
    uint64_t result = 0;
    int shift = 0;
    for (const uint8_t *at = in->at; at < in->end; at++, shift += 7) {
        if (shift == 63) { /* the tenth byte: one bit is left */
            if (*at >= 0x80) return BEYOND_64_BITS;
            if (*at != 1) return LONGER_THAN_NEEDED;
        }
        result |= (uint64_t)(*at & 0x7F) << shift;
        if (*at < 0x80) {
            if (*at == 0 && shift > 0) return LONGER_THAN_NEEDED;
            in->at = at + 1;
            *value = (int64_t)(result >> 1) ^ -(int64_t)(result & 1);
            return ACCEPTED;
        }
    }
    return ENDS;
}

/* Read one zigzag varint; a refusal does not move the reader. */
static inline enum status read_long(reader *in, int64_t *value) {
    if (in->at < in->end && *in->at < 0x80) {
        uint8_t byte = *in->at++;
        *value = (byte >> 1) ^ -(byte & 1);
        return ACCEPTED;
    }
    return read_long_slowly(in, value);
}

/* Read a length, and check that the message has as many bytes left. */
static inline enum status read_length(reader *in, int64_t *length) {
    enum status status = read_long(in, length);
    if (status != ACCEPTED) return status;
    if (*length < 0) return NEGATIVE_LENGTH;
    return *length > in->end - in->at ? ENDS : ACCEPTED;
}

#endif
