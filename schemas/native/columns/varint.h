/* Read Avro's variable-length integers strictly, as schemas/headrace/schemas/varint.py does. */
#ifndef HEADRACE_VARINT_H
#define HEADRACE_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each list of names makes an enum here, and the same enum for Python in constants.c. */
#define ENUMERATOR(name) name,

/* The result of decoding; schemas/headrace/schemas/shared_constants.py has the same enum. After the last three
 * the caller raises an exception, which RAISED has set. */
#define STATUSES(X) \
    X(ACCEPTED) X(ENDS) X(BEYOND_64_BITS) X(LONGER_THAN_NEEDED) X(NEGATIVE_LENGTH) X(NO_BRANCH) X(NO_BOOLEAN) \
    X(NOT_UTF8) X(NO_UUID) X(OUT_OF_RANGE) X(NO_SYMBOL) X(DECIMAL_LENGTH) X(TOO_MANY_DIGITS) \
    X(TOO_MANY_ITEMS) X(MORE_ITEMS_THAN_BYTES) X(BLOCK_SIZE) X(DUPLICATE_KEY) X(TOO_WIDE) X(BYTES_FOLLOW) \
    X(TOO_LARGE) X(TWO_READINGS) X(UNREADABLE) X(NOT_JSON) X(BAD_SUBTREE) \
    X(NO_MEMORY) X(COLUMN_FULL) X(RAISED)
enum status { STATUSES(ENUMERATOR) STATUS_COUNT };

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
