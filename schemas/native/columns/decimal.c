#include "decimal.h"

static bool load(const uint8_t *bytes, int64_t length, uint64_t number[LIMBS]) {
    uint8_t sign = bytes[0] & 0x80 ? 0xFF : 0;
    for (; length > 8 * LIMBS; bytes++, length--) {
        if (*bytes != sign) return false;
    }
    if ((bytes[0] & 0x80) != (sign & 0x80) && length == 8 * LIMBS) return false;
    for (int each = 0; each < LIMBS; each++) number[each] = sign ? UINT64_MAX : 0;
    for (int64_t at = 0; at < length; at++) {
        int64_t place = length - 1 - at;
        int shift = (int)(place % 8) * 8;
        number[place / 8] = (number[place / 8] & ~((uint64_t)0xFF << shift)) | (uint64_t)bytes[at] << shift;
    }
    return true;
}

static bool is_below(const uint64_t number[LIMBS], const uint64_t limit[LIMBS]) {
    uint64_t flip = number[LIMBS - 1] >> 63 ? UINT64_MAX : 0, carry = flip & 1, absolute[LIMBS];
    for (int each = 0; each < LIMBS; each++) {
        absolute[each] = (number[each] ^ flip) + carry;
        carry = carry && absolute[each] == 0;
    }
    for (int each = LIMBS - 1; each >= 0; each--) {
        if (absolute[each] != limit[each]) return absolute[each] < limit[each];
    }
    return false;
}

enum status append_decimal(column *to, const uint8_t *bytes, int64_t length, const uint64_t limit[LIMBS]) {
    uint64_t number[LIMBS];
    if (!load(bytes, length, number) || !is_below(number, limit)) return TOO_MANY_DIGITS;
    if (to == NULL) return ACCEPTED;
    enum status status = append_slot(to, true);
    if (status != ACCEPTED) return status;
    int64_t width = to->layout == DECIMAL256 ? 32 : 16;
    uint8_t *into = to->values + width * to->length++;
    for (int64_t at = 0; at < width; at++) into[at] = (uint8_t)(number[at / 8] >> at % 8 * 8);
    return ACCEPTED;
}
