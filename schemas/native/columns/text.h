/* Checks of text: UTF-8, UUIDs and duplicate keys. */
#ifndef HEADRACE_TEXT_H
#define HEADRACE_TEXT_H

#include <stdbool.h>
#include <stdint.h>

enum { UUID_LENGTH = 36 };

/* One key of a map, and its position in the message. */
typedef struct {
    const uint8_t *text;
    int32_t length, at;
} key;

bool is_utf8(const uint8_t *text, int64_t length);

/* Write a UUID in lower case; false when *text* of UUID_LENGTH bytes is not a UUID. */
bool lower_uuid(const uint8_t *text, uint8_t *lower);

/* Return the first key that equals an earlier one; -1 if there is none, -2 if memory cannot be allocated. */
int64_t find_duplicate(const key *keys, int64_t count, const uint64_t secret[2]);

#endif
