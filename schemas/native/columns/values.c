#include "values.h"

#include "decimal.h"

static enum reason append_number(column *to, int64_t value) {
    switch (to->layout) {
        case INT32: return append_int32(to, (int32_t)value);
        case INT64: return append_int64(to, value);
        case FLOAT32: return append_float(to, (float)(double)value);
        default: return append_double(to, (double)value);
    }
}

static enum reason read_boolean(reader *from, column *to) {
    if (from->at == from->end) return ENDS;
    if (*from->at > 1) return NO_BOOLEAN;
    bool value = *from->at++ == 1;
    return to ? append_bool(to, value) : ACCEPTED;
}

/* *bounds* are the least, the greatest and what a column counts for one. */
static enum reason read_number(reader *from, column *to, const int64_t bounds[3]) {
    int64_t value;
    enum reason why = read_long(from, &value);
    if (why != ACCEPTED) return why;
    if (value < bounds[0] || value > bounds[1]) return OUT_OF_RANGE;
    return to ? append_number(to, value * bounds[2]) : ACCEPTED;
}

static enum reason read_float(reader *from, column *to) {
    uint32_t bits = 0;
    if (from->end - from->at < 4) return ENDS;
    for (int each = 0; each < 4; each++) bits |= (uint32_t)*from->at++ << 8 * each;
    if ((bits & 0x7F800000u) == 0x7F800000u && (bits & 0x007FFFFFu)) bits |= 0x00400000u; /* a NaN is a quiet one */
    float value;
    memcpy(&value, &bits, 4);
    if (to == NULL) return ACCEPTED;
    return to->layout == FLOAT32 ? append_float(to, value) : append_double(to, (double)value);
}

static enum reason read_double(reader *from, column *to) {
    uint64_t bits = 0;
    if (from->end - from->at < 8) return ENDS;
    for (int each = 0; each < 8; each++) bits |= (uint64_t)*from->at++ << 8 * each;
    double value;
    memcpy(&value, &bits, 8);
    return to ? append_double(to, value) : ACCEPTED;
}

static enum reason read_bytes(reader *from, column *to, int64_t length) {
    const uint8_t *bytes = from->at;
    if (length > from->end - bytes) return ENDS;
    from->at += length;
    return to ? append_text(to, bytes, length) : ACCEPTED;
}

static enum reason read_string(reader *from, column *to) {
    int64_t length;
    enum reason why = read_length(from, &length);
    if (why != ACCEPTED) return why;
    return is_utf8(from->at, length) ? read_bytes(from, to, length) : NOT_UTF8;
}

static enum reason read_uuid(reader *from, column *to) {
    int64_t length;
    uint8_t lower[UUID_LENGTH];
    enum reason why = read_length(from, &length);
    if (why != ACCEPTED) return why;
    if (length != UUID_LENGTH || !lower_uuid(from->at, lower)) return NO_UUID;
    from->at += length;
    return to ? append_text(to, lower, UUID_LENGTH) : ACCEPTED;
}

static enum reason read_symbol(const program *in, reader *from, column *to, const instruction *op) {
    int64_t index;
    enum reason why = read_long(from, &index);
    if (why != ACCEPTED) return why;
    if (index < 0 || index >= op->b) return NO_SYMBOL;
    const int32_t *symbol = in->symbols + 2 * (op->a + index);
    return to ? append_text(to, in->texts + symbol[0], symbol[1]) : ACCEPTED;
}

/* *numbers* are the limit in four limbs, and the most bytes of one that says its length. */
static enum reason read_decimal(reader *from, column *to, const int64_t numbers[LIMBS + 1], int32_t size) {
    int64_t length = size;
    uint64_t limit[LIMBS];
    memcpy(limit, numbers, sizeof limit);
    if (size < 0) {
        enum reason why = read_length(from, &length);
        if (why != ACCEPTED) return why;
        if (length < 1 || length > numbers[LIMBS]) return DECIMAL_LENGTH;
    }
    if (length > from->end - from->at) return ENDS;
    from->at += length;
    return append_decimal(to, from->at - length, length, limit);
}

enum reason append_default(const program *in, const instruction *op, column *to) {
    const int32_t *text = in->symbols + 2 * op->a;
    double value;
    switch (to->layout) {
        case BITS: return append_bool(to, in->numbers[op->a] != 0);
        case INT32:
        case INT64: return append_number(to, in->numbers[op->a]);
        case VARIABLE: return append_text(to, in->texts + text[0], text[1]);
        default: break;
    }
    memcpy(&value, in->numbers + op->a, sizeof value);
    return to->layout == FLOAT32 ? append_float(to, (float)value) : append_double(to, value);
}

enum reason read_value(const program *in, const instruction *op, reader *from, column *to) {
    int64_t length;
    enum reason why;
    switch (op->code) {
        case NUMBER: return read_number(from, to, in->numbers + op->a);
        case STRING: return read_string(from, to);
        case BOOLEAN: return read_boolean(from, to);
        case FLOAT: return read_float(from, to);
        case DOUBLE: return read_double(from, to);
        case UUID: return read_uuid(from, to);
        case FIXED: return read_bytes(from, to, op->a);
        case ENUM: return read_symbol(in, from, to, op);
        case DECIMAL: return read_decimal(from, to, in->numbers + op->a, op->b);
        default: break;
    }
    why = read_length(from, &length); /* BYTES */
    return why == ACCEPTED ? read_bytes(from, to, length) : why;
}
