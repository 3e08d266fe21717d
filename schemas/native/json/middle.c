#include "machine.h"

/* A whole number of up to 4,096 bits, the lowest limb first: 1,000 digits times a power of two within a float's range. */
enum { WIDE_LIMBS = 128 };
typedef struct {
    uint32_t limbs[WIDE_LIMBS];
    int length;
} wide;

static void multiply(wide *of, uint32_t factor, uint32_t more) {
    uint64_t carry = more;
    for (int each = 0; each < of->length; each++) {
        carry += (uint64_t)of->limbs[each] * factor;
        of->limbs[each] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry && of->length < WIDE_LIMBS) of->limbs[of->length++] = (uint32_t)carry;
}

/* Multiply by *base* to the power of *exponent*; *step* powers of it fit into 32 bits. */
static void multiply_power(wide *of, uint32_t base, int32_t exponent, int32_t step) {
    while (exponent > 0) {
        uint32_t factor = 1;
        for (int32_t each = 0; each < step && exponent > 0; each++, exponent--) factor *= base;
        multiply(of, factor, 0);
    }
}

static int compare(const wide *one, const wide *other) {
    if (one->length != other->length) return one->length < other->length ? -1 : 1;
    for (int each = one->length - 1; each >= 0; each--) {
        if (one->limbs[each] != other->limbs[each]) return one->limbs[each] < other->limbs[each] ? -1 : 1;
    }
    return 0;
}

/* Compare the size of a number with that of a double, given by its bits; the double is at least 2^-150. */
static int compare_exactly(const number *of, uint64_t bits) {
    wide text = {{0}, 0}, other;
    for (int32_t each = 0; each < of->count; each++) multiply(&text, 10, (uint32_t)(of->digits[each] - '0'));
    uint64_t digits = (bits & 0xFFFFFFFFFFFFFu) | 0x10000000000000u;
    int32_t power = (int32_t)(bits >> 52 & 0x7FF) - 1075;
    other = (wide){{(uint32_t)digits, (uint32_t)(digits >> 32)}, 2};
    multiply_power(of->exponent < 0 ? &other : &text, 10, of->exponent < 0 ? -of->exponent : of->exponent, 9);
    multiply_power(power < 0 ? &text : &other, 2, power < 0 ? -power : power, 16);
    return compare(&text, &other);
}

double off_the_middle(const number *of, double value) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    if ((bits >> 52 & 0x7FF) < 1023 - 150) return value; /* a float's zero, in any case */
    int order = compare_exactly(of, bits);
    bits = order < 0 ? bits - 1 : order > 0 ? bits + 1 : bits;
    memcpy(&value, &bits, 8);
    return value;
}
