#include "machine.h"

/* The digits of a scaled number: some of those that are written, and zeros behind them. */
typedef struct {
    const uint8_t *digits;
    int32_t count, zeros;
} scaled;

static enum json_fault scale(
    machine *vm, const node *op, const uint8_t *start, int32_t power, int32_t most, scaled *found) {
    const number *of = &vm->number;
    int32_t shift = of->exponent + power;
    *found = (scaled){of->digits, of->count, 0};
    if (of->count == 0) return ACCEPTED;
    if (shift < 0) {
        found->count = of->count + shift > 0 ? of->count + shift : 0;
        bool whole = found->count > 0;
        for (int32_t each = found->count; each < of->count; each++) whole = whole && of->digits[each] == '0';
        if (!whole) return fail(&vm->in, start, op->code == WHOLE ? NOT_WHOLE : TOO_FINE);
    } else {
        found->zeros = shift;
    }
    if (found->count + found->zeros > most) {
        return fail(&vm->in, start, op->code == DECIMAL ? TOO_MANY_DIGITS : OUT_OF_RANGE);
    }
    return ACCEPTED;
}

enum json_fault whole_of_number(machine *vm, const node *op, const uint8_t *start, int32_t power, int64_t *value) {
    scaled found;
    enum json_fault fault = scale(vm, op, start, power, WHOLE_DIGITS, &found);
    if (fault != ACCEPTED) return fault;
    uint64_t size = 0;
    for (int32_t each = 0; each < found.count; each++) size = size * 10 + (uint64_t)(found.digits[each] - '0');
    for (int32_t each = 0; each < found.zeros && found.count; each++) size *= 10;
    uint64_t most = vm->number.negative ? (uint64_t)INT64_MAX + 1 : INT64_MAX;
    if (size > most) return fail(&vm->in, start, OUT_OF_RANGE);
    *value = vm->number.negative ? (int64_t)(0 - size) : (int64_t)size;
    return *value < op->low || *value > op->high ? fail(&vm->in, start, OUT_OF_RANGE) : ACCEPTED;
}

bool is_index(const number *of, int32_t most, int32_t *value) {
    if (of->negative || of->has_point || of->exponent || of->count > most) return false;
    *value = 0;
    for (int32_t each = 0; each < of->count; each++) *value = *value * 10 + (of->digits[each] - '0');
    return true;
}

/* Multiply a number of 256 bits, the lowest limb first, and add to it. */
static void multiply(uint32_t limbs[LIMBS], uint32_t factor, uint32_t more) {
    uint64_t carry = more;
    for (int each = 0; each < LIMBS; each++) {
        carry += (uint64_t)limbs[each] * factor;
        limbs[each] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void negate(uint32_t limbs[LIMBS]) {
    uint64_t carry = 1;
    for (int each = 0; each < LIMBS; each++) {
        carry += (uint32_t)~limbs[each];
        limbs[each] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* Append digits, nine at a time, to a number of 256 bits. */
static void add_digits(uint32_t limbs[LIMBS], const scaled *of) {
    int32_t total = of->count + of->zeros;
    for (int32_t at = 0; at < total;) {
        uint32_t chunk = 0, factor = 1;
        for (; at < total && factor < 1000000000; at++, factor *= 10) {
            chunk = chunk * 10 + (at < of->count ? (uint32_t)(of->digits[at] - '0') : 0);
        }
        multiply(limbs, factor, chunk);
    }
}

/* Append the two's complement: *size* bytes, or as few as it needs behind their number. */
static bool put_complement(buffer *into, const uint32_t limbs[LIMBS], int32_t size) {
    uint8_t bytes[4 * LIMBS], sign = limbs[LIMBS - 1] >> 31 ? 0xFF : 0;
    int first = 0;
    for (int each = 0; each < 4 * LIMBS; each++) {
        bytes[4 * LIMBS - 1 - each] = (uint8_t)(limbs[each / 4] >> each % 4 * 8);
    }
    while (first < 4 * LIMBS - 1 && bytes[first] == sign && ((bytes[first + 1] ^ sign) & 0x80) == 0) first++;
    int length = 4 * LIMBS - first;
    if (size < 0) return put_sized(into, bytes + first, length);
    if (!reserve(into, size)) return false;
    int kept = length < size ? length : size;
    memset(into->bytes + into->length, sign, (size_t)(size - kept));
    memcpy(into->bytes + into->length + size - kept, bytes + 4 * LIMBS - kept, (size_t)kept);
    into->length += size;
    return true;
}

enum json_fault put_decimal_of_number(machine *vm, const node *op, const uint8_t *start) {
    scaled found;
    uint32_t limbs[LIMBS] = {0};
    enum json_fault fault = scale(vm, op, start, op->power, op->precision, &found);
    if (fault != ACCEPTED) return fault;
    if (found.count) add_digits(limbs, &found);
    if (vm->number.negative) negate(limbs);
    return put_complement(&vm->out, limbs, op->size) ? ACCEPTED : NO_MEMORY;
}

/* Load a two's complement; false if it has more than 256 bits. */
static bool load(const uint8_t *bytes, int64_t length, uint32_t limbs[LIMBS]) {
    uint8_t sign = bytes[0] & 0x80 ? 0xFF : 0;
    for (; length > 4 * LIMBS; bytes++, length--) {
        if (*bytes != sign) return false;
    }
    if ((bytes[0] ^ sign) & 0x80) return false;
    for (int each = 0; each < LIMBS; each++) limbs[each] = sign ? UINT32_MAX : 0;
    for (int64_t at = 0; at < length; at++) {
        int64_t place = length - 1 - at;
        int shift = (int)(place % 4) * 8;
        limbs[place / 4] = (limbs[place / 4] & ~((uint32_t)0xFF << shift)) | (uint32_t)bytes[at] << shift;
    }
    return true;
}

static bool has_at_most(uint32_t limbs[LIMBS], int32_t precision) {
    uint32_t limit[LIMBS] = {1};
    for (int32_t each = 0; each < precision; each++) multiply(limit, 10, 0);
    if (limbs[LIMBS - 1] >> 31) negate(limbs);
    for (int each = LIMBS - 1; each >= 0; each--) {
        if (limbs[each] != limit[each]) return limbs[each] < limit[each];
    }
    return false;
}

/* Append a two's complement in *size* bytes, with as many copies of its sign before it as are left. */
static bool put_extended(buffer *into, const buffer *octets, int32_t size) {
    if (!reserve(into, size)) return false;
    size_t left = (size_t)(size - octets->length);
    memset(into->bytes + into->length, octets->bytes[0] & 0x80 ? 0xFF : 0, left);
    memcpy(into->bytes + into->length + left, octets->bytes, (size_t)octets->length);
    into->length += size;
    return true;
}

enum json_fault put_decimal_of_octets(machine *vm, const node *op, const uint8_t *start) {
    const buffer *octets = &vm->octets;
    uint32_t limbs[LIMBS];
    if (op->size < 0 && (octets->length < 1 || octets->length > op->count)) {
        return fail(&vm->in, start, DECIMAL_LENGTH);
    }
    int64_t shortest = TAKES(op, BASE64) ? 1 : op->size;
    if (op->size >= 0 && (octets->length < shortest || octets->length > op->size)) {
        return fail(&vm->in, start, WRONG_SIZE);
    }
    if (!load(octets->bytes, octets->length, limbs) || !has_at_most(limbs, op->precision)) {
        return fail(&vm->in, start, TOO_MANY_DIGITS);
    }
    bool put = op->size < 0 ? put_sized(&vm->out, octets->bytes, octets->length)
                            : put_extended(&vm->out, octets, op->size);
    return put ? ACCEPTED : NO_MEMORY;
}
