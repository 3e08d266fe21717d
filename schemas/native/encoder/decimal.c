#include "machine.h"

enum { LIMBS = 8, MOST_BYTES = 4 * LIMBS + 1, MOST_TEXT = 200 };

/* A number in parts: the digits of *text* without its point, times ten to the power of *exponent*. */
typedef struct {
    bool negative;
    char digits[MOST_TEXT];
    int32_t count;
    int64_t exponent;
} parts;

/* Read what str() makes of a finite Decimal, such as -1.50E+3. */
static bool read_parts(const char *text, Py_ssize_t length, parts *into) {
    const char *end = text + length;
    into->negative = length > 0 && *text == '-';
    text += into->negative;
    into->count = 0;
    into->exponent = 0;
    bool fraction = false;
    for (; text < end && (*text == '.' || (*text >= '0' && *text <= '9')); text++) {
        if (*text == '.') fraction = true;
        else {
            into->digits[into->count++] = *text;
            into->exponent -= fraction;
        }
    }
    if (into->count == 0) return false;
    if (text == end) return true;
    if ((*text | 0x20) != 'e' || end - text < 3 || end - text > 12) return false;
    int64_t power = 0, sign = text[1] == '-' ? -1 : 1;
    for (text += 2; text < end; text++) power = power * 10 + (*text - '0');
    into->exponent += sign * power;
    return true;
}

/* Leave out zeros before the number, and those after it that its scale does not need. */
static const char *trim(parts *number, int32_t scale) {
    const char *digits = number->digits;
    while (number->count && *digits == '0') {
        digits++;
        number->count--;
    }
    while (number->count && number->exponent < -scale && digits[number->count - 1] == '0') {
        number->count--;
        number->exponent++;
    }
    return digits;
}

static void multiply_and_add(uint32_t limbs[LIMBS], uint32_t factor, uint32_t more) {
    uint64_t carry = more;
    for (int each = 0; each < LIMBS; each++) {
        carry += (uint64_t)limbs[each] * factor;
        limbs[each] = (uint32_t)carry;
        carry >>= 32;
    }
}

/* Turn digits, followed by *zeros*, into a number; there are at most MAX_PRECISION together. */
static void to_limbs(const char *digits, int32_t count, int64_t zeros, uint32_t limbs[LIMBS]) {
    static const uint32_t POWERS[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
    memset(limbs, 0, LIMBS * sizeof(uint32_t));
    while (count > 0) {
        int32_t part = count < 9 ? count : 9;
        uint32_t value = 0;
        for (int32_t each = 0; each < part; each++) value = value * 10 + (uint32_t)(*digits++ - '0');
        multiply_and_add(limbs, POWERS[part], value);
        count -= part;
    }
    for (; zeros > 0; zeros -= 9) multiply_and_add(limbs, POWERS[zeros < 9 ? zeros : 9], 0);
}

static int32_t bits_of(const uint32_t limbs[LIMBS]) {
    for (int32_t limb = LIMBS - 1; limb >= 0; limb--) {
        for (int32_t bit = 31; limbs[limb] && bit >= 0; bit--) {
            if (limbs[limb] >> bit & 1) return limb * 32 + bit + 1;
        }
    }
    return 0;
}

/* Write the number in two's complement, the first byte first; bytes have as many as the number and a sign need. */
static outcome put_number(machine *vm, uint32_t limbs[LIMBS], bool negative, int32_t size) {
    int32_t needed = (bits_of(limbs) + 8) / 8, length = size == NONE ? needed : size;
    uint8_t bytes[MOST_BYTES];
    if (needed > length) return UNSURE;
    uint64_t carry = negative;
    for (int32_t each = 0; each < MOST_BYTES; each++) {
        uint8_t byte = each < 4 * LIMBS ? (uint8_t)(limbs[each / 4] >> each % 4 * 8) : 0;
        carry += negative ? (uint8_t)~byte : byte;
        bytes[MOST_BYTES - 1 - each] = (uint8_t)carry;
        carry >>= 8;
    }
    outcome got = size == NONE ? put_long(vm, length) : ENCODED;
    for (int32_t more = length - MOST_BYTES; got == ENCODED && more > 0; more--) got = put_byte(vm, negative ? 255 : 0);
    int32_t kept = length < MOST_BYTES ? length : MOST_BYTES;
    return got == ENCODED ? put_bytes(vm, bytes + MOST_BYTES - kept, kept) : got;
}

static outcome encode_text(machine *vm, const op *as, PyObject *text) {
    Py_ssize_t length;
    const char *bytes = PyUnicode_AsUTF8AndSize(text, &length);
    parts number;
    if (bytes == NULL) return after_exception();
    if (length > MOST_TEXT || !read_parts(bytes, length, &number)) return UNSURE;
    const char *digits = trim(&number, as->b);
    int64_t zeros = number.exponent + as->b;
    if (number.count == 0) zeros = 0, number.negative = false;
    if (zeros < 0 || zeros > MAX_PRECISION || number.count + zeros > as->a) return UNSURE;
    uint32_t limbs[LIMBS];
    to_limbs(digits, number.count, zeros, limbs);
    return put_number(vm, limbs, number.negative, as->first);
}

outcome encode_decimal(machine *vm, const op *as, PyObject *value) {
    if (!is_exactly(vm, value, DECIMAL_TYPE)) return UNSURE;
    PyObject *text = PyObject_Str(value);
    if (text == NULL) return after_exception();
    outcome got = encode_text(vm, as, text);
    Py_DECREF(text);
    return got;
}
