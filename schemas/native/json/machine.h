/* The state of a transcoder, reused for each text, and how it writes Avro. */
#ifndef HEADRACE_JSON_MACHINE_H
#define HEADRACE_JSON_MACHINE_H

#include "../columns/text.h"
#include "tokens.h"

typedef struct {
    int64_t start, length; /* in the datum; a length of -1: absent */
} slot;

typedef struct {
    const plan *plan;
    reader in;
    buffer out;    /* the datum */
    buffer octets; /* the bytes of one value */
    number number; /* the last number */
    slot *slots;   /* of each node that is a field */
    key *keys;     /* of the open maps, the innermost last */
    int64_t *key_places; /* where each of these keys is in the datum */
    int64_t keys_length, keys_capacity;
    uint64_t secret[2];
    /* The position of a fault: its node, and the index in each array or map around it, innermost first. */
    int32_t failed_node;
    int32_t indexes[MAX_LEVELS + 1], depth;
} machine;

static inline bool put_bytes(buffer *into, const uint8_t *bytes, int64_t length) {
    if (!reserve(into, length)) return false;
    if (length) memcpy(into->bytes + into->length, bytes, (size_t)length);
    into->length += length;
    return true;
}

static inline bool put_byte(buffer *into, uint8_t byte) { return put_bytes(into, &byte, 1); }

/* Write a zigzag varint to *into*, which has room for ten bytes; returns their number. */
static inline int write_long(uint8_t *into, int64_t value) {
    uint64_t rest = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
    int length = 0;
    for (; rest >= 0x80; rest >>= 7) into[length++] = (uint8_t)(rest | 0x80);
    into[length++] = (uint8_t)rest;
    return length;
}

static inline bool put_long(buffer *into, int64_t value) {
    if (!reserve(into, 10)) return false;
    into->length += write_long(into->bytes + into->length, value);
    return true;
}

static inline bool put_sized(buffer *into, const uint8_t *bytes, int64_t length) {
    return put_long(into, length) && put_bytes(into, bytes, length);
}

/* Return the fault of a value that *op* does not accept. */
enum json_fault unexpected(reader *in, const node *op);

/* The largest whole number has 19 digits. */
enum { WHOLE_DIGITS = 19, LIMBS = 8 };

/* Convert vm->number times ten to the *power* to a whole number from op->low to op->high. */
enum json_fault whole_of_number(machine *vm, const node *op, const uint8_t *start, int32_t power, int64_t *value);

enum json_fault put_decimal_of_number(machine *vm, const node *op, const uint8_t *start);
enum json_fault put_decimal_of_octets(machine *vm, const node *op, const uint8_t *start);
enum json_fault put_floating(machine *vm, const node *op, const uint8_t *start);
enum json_fault put_special(machine *vm, const node *op, double value);

/* Return a double on the same side of *value*, the double nearest to the number, as the number is. A double in the middle
 * of two floats would be rounded to the even one, whatever the further digits of the number are. */
double off_the_middle(const number *of, double value);

/* Whether vm->number is whole, not negative, and of at most *most* digits as it is written; at most nine. */
bool is_index(const number *of, int32_t most, int32_t *value);

/* The value at vm->in.at: *op* accepts what begins there, or the result is a fault. */
enum json_fault read_moment(machine *vm, const node *op);
enum json_fault read_octets(machine *vm, const node *op);
enum json_fault read_value(machine *vm, const node *op);

/* Set vm->octets to the bytes that a text means. */
enum json_fault octets_of_text(machine *vm, const node *op, text held, const uint8_t *start);

/* Read one text into vm->out. */
enum json_fault transcode(machine *vm, const uint8_t *bytes, int64_t length);

#endif
