#include "text.h"

#include <stdlib.h>
#include <string.h>

#include "siphash.h"

enum { FEW_KEYS = 16 };

/* Return the number of bytes of one character that is not ASCII; 0 when it is invalid. */
static int character(const uint8_t *text, int64_t left) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    int bytes = text[0] >= 0xF0 ? 4 : text[0] >= 0xE0 ? 3 : 2;
    if (text[0] < 0xC2 || text[0] > 0xF4 || left < bytes) return 0;
    uint32_t code = text[0] & (0x7Fu >> bytes);
    for (int each = 1; each < bytes; each++) {
        if ((text[each] & 0xC0) != 0x80) return 0;
        code = code << 6 | (text[each] & 0x3Fu);
    }
    bool good = code >= least[bytes] && code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
    return good ? bytes : 0;
}

bool is_utf8(const uint8_t *text, int64_t length) {
    int64_t at = 0;
    while (at < length) {
        uint64_t eight;
        if (at + 8 <= length) {
            memcpy(&eight, text + at, 8);
            if ((eight & 0x8080808080808080u) == 0) {
                at += 8;
                continue;
            }
        }
        int bytes = text[at] < 0x80 ? 1 : character(text + at, length - at);
        if (bytes == 0) return false;
        at += bytes;
    }
    return true;
}

bool lower_uuid(const uint8_t *text, uint8_t *lower) {
    for (int at = 0; at < UUID_LENGTH; at++) {
        uint8_t byte = text[at];
        bool hyphen = at == 8 || at == 13 || at == 18 || at == 23;
        if (byte >= 'A' && byte <= 'F') byte |= 0x20;
        bool good = hyphen ? byte == '-' : (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
        if (!good) return false;
        lower[at] = byte;
    }
    return true;
}

/* SipHash-1-3: the writer of the keys must not know which of them share a slot. */
static uint64_t hash_of(const key *hashed, const uint64_t secret[2]) {
    uint64_t v[4];
    sip_begin(v, secret);
    for (int64_t at = 0; at <= hashed->length; at += 8) {
        uint64_t word = 0;
        int64_t left = hashed->length - at;
        memcpy(&word, hashed->text + at, left < 8 ? (size_t)left : 8);
        if (left < 8) word |= (uint64_t)hashed->length << 56;
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    for (int each = 0; each < 3; each++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool equal(const key *one, const key *other) {
    return one->length == other->length && memcmp(one->text, other->text, (size_t)one->length) == 0;
}

static int64_t find_duplicate_of_few(const key *keys, int64_t count) {
    for (int64_t later = 1; later < count; later++) {
        for (int64_t earlier = 0; earlier < later; earlier++) {
            if (equal(keys + later, keys + earlier)) return later;
        }
    }
    return -1;
}

int64_t find_duplicate(const key *keys, int64_t count, const uint64_t secret[2]) {
    if (count <= FEW_KEYS) return find_duplicate_of_few(keys, count);
    uint64_t slots = 64;
    while (slots < (uint64_t)count * 2) slots *= 2;
    int32_t *table = calloc(slots, sizeof *table); /* index of a key plus one; 0: empty */
    if (table == NULL) return -2;
    int64_t found = -1;
    for (int64_t each = 0; each < count && found < 0; each++) {
        uint64_t slot = hash_of(keys + each, secret) & (slots - 1);
        while (table[slot] && !equal(keys + each, keys + table[slot] - 1)) slot = (slot + 1) & (slots - 1);
        if (table[slot]) found = each;
        table[slot] = (int32_t)each + 1;
    }
    free(table);
    return found;
}
