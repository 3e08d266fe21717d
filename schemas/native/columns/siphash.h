/* The rounds of SipHash (Aumasson and Bernstein, 2012). */
#ifndef HEADRACE_SIPHASH_H
#define HEADRACE_SIPHASH_H

#include <stdint.h>

static inline uint64_t rotate_left(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

static inline void sip_begin(uint64_t v[4], const uint64_t secret[2]) {
    v[0] = secret[0] ^ 0x736f6d6570736575u, v[1] = secret[1] ^ 0x646f72616e646f6du;
    v[2] = secret[0] ^ 0x6c7967656e657261u, v[3] = secret[1] ^ 0x7465646279746573u;
}

static inline void sip_round(uint64_t v[4]) {
    v[0] += v[1], v[1] = rotate_left(v[1], 13) ^ v[0], v[0] = rotate_left(v[0], 32);
    v[2] += v[3], v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] += v[3], v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] += v[1], v[1] = rotate_left(v[1], 17) ^ v[2], v[2] = rotate_left(v[2], 32);
}

#endif
