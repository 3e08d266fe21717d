#include "values.h"

#include "decimal.h"

static enum status append_number(column *to, int64_t value) {
    switch (to->layout) {
        case INT32: return append_int32(to, (int32_t)value);
        case INT64: return append_int64(to, value);
        case FLOAT32: return append_float(to, (float)(double)value);
        default: return append_double(to, (double)value);
    }
}

static enum status read_boolean(reader *in, column *to) {
    if (in->at == in->end) return ENDS;
    if (*in->at > 1) return NO_BOOLEAN;
    bool value = *in->at++ == 1;
    return to ? append_bool(to, value) : ACCEPTED;
}

/* *bounds* are the minimum, the maximum and the factor from a value to its column. */
static enum status read_number(reader *in, column *to, const int64_t bounds[3]) {
    int64_t value;
    enum status status = read_long(in, &value);
    if (status != ACCEPTED) return status;
    if (value < bounds[0] || value > bounds[1]) return OUT_OF_RANGE;
    return to ? append_number(to, value * bounds[2]) : ACCEPTED;
}

static enum status read_float(reader *in, column *to) {
    uint32_t bits = 0;
    if (in->end - in->at < 4) return ENDS;
    for (int each = 0; each < 4; each++) bits |= (uint32_t)*in->at++ << 8 * each;
    if ((bits & 0x7F800000u) == 0x7F800000u && (bits & 0x007FFFFFu)) bits |= 0x00400000u; /* make a NaN quiet */
    float value;
    memcpy(&value, &bits, 4);
    if (to == NULL) return ACCEPTED;
    return to->layout == FLOAT32 ? append_float(to, value) : append_double(to, (double)value);
}

static enum status read_double(reader *in, column *to) {
    uint64_t bits = 0;
    if (in->end - in->at < 8) return ENDS;
    for (int each = 0; each < 8; each++) bits |= (uint64_t)*in->at++ << 8 * each;
    double value;
    memcpy(&value, &bits, 8);
    return to ? append_double(to, value) : ACCEPTED;
}

static enum status read_bytes(reader *in, column *to, int64_t length) {
    const uint8_t *bytes = in->at;
    if (length > in->end - bytes) return ENDS;
    in->at += length;
    return to ? append_text(to, bytes, length) : ACCEPTED;
}

static enum status read_string(reader *in, column *to) {
    int64_t length;
    enum status status = read_length(in, &length);
    if (status != ACCEPTED) return status;
    return is_utf8(in->at, length) ? read_bytes(in, to, length) : NOT_UTF8;
}

static enum status read_uuid(reader *in, column *to) {
    int64_t length;
    uint8_t lower[UUID_LENGTH];
    enum status status = read_length(in, &length);
    if (status != ACCEPTED) return status;
    if (length != UUID_LENGTH || !lower_uuid(in->at, lower)) return NO_UUID;
    in->at += length;
    return to ? append_text(to, lower, UUID_LENGTH) : ACCEPTED;
}

static enum status read_symbol(const program *prog, reader *in, column *to, const instruction *op) {
    int64_t index;
    enum status status = read_long(in, &index);
    if (status != ACCEPTED) return status;
    if (index < 0 || index >= op->b) return NO_SYMBOL;
    const int32_t *symbol = prog->symbols + 2 * (op->a + index);
    return to ? append_text(to, prog->texts + symbol[0], symbol[1]) : ACCEPTED;
}

/* *numbers* are the limit in four limbs, and the maximum length of a decimal that has a length. */
static enum status read_decimal(reader *in, column *to, const int64_t numbers[LIMBS + 1], int32_t size) {
    int64_t length = size;
    uint64_t limit[LIMBS];
    memcpy(limit, numbers, sizeof limit);
    if (size < 0) {
        enum status status = read_length(in, &length);
        if (status != ACCEPTED) return status;
        if (length < 1 || length > numbers[LIMBS]) return DECIMAL_LENGTH;
    }
    if (length > in->end - in->at) return ENDS;
    in->at += length;
    return append_decimal(to, in->at - length, length, limit);
}

enum status read_value(const program *prog, const instruction *op, reader *in, column *to) {
    int64_t length;
    enum status status;
    switch (op->code) {
        case NUMBER: return read_number(in, to, prog->numbers + op->a);
        case STRING: return read_string(in, to);
        case BOOLEAN: return read_boolean(in, to);
        case FLOAT: return read_float(in, to);
        case DOUBLE: return read_double(in, to);
        case UUID: return read_uuid(in, to);
        case FIXED: return read_bytes(in, to, op->a);
        case ENUM: return read_symbol(prog, in, to, op);
        case DECIMAL: return read_decimal(in, to, prog->numbers + op->a, op->b);
        default: break;
    }
    status = read_length(in, &length); /* BYTES */
    return status == ACCEPTED ? read_bytes(in, to, length) : status;
}
