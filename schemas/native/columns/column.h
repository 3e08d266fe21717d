/* Arrow columns under construction. Every append makes room first; a column knows nothing of messages. */
#ifndef HEADRACE_COLUMN_H
#define HEADRACE_COLUMN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "varint.h"

/* How the values of a column lie in memory; as in schemas/headrace/schemas/program.py. */
enum layout { BITS, INT32, INT64, FLOAT32, FLOAT64, VARIABLE, DECIMAL128, DECIMAL256, STRUCT, LIST, LAYOUTS };

typedef struct {
    int32_t layout, nullable;
    int32_t span; /* itself and all below it: columns are in pre-order */
    int64_t length, capacity;
    uint8_t *validity; /* bits; NULL unless nullable */
    uint8_t *values;   /* offsets of VARIABLE and LIST, NULL of STRUCT */
    uint8_t *text;     /* of VARIABLE */
    int64_t text_length, text_capacity;
} column;

static inline int32_t *offsets_of(const column *of) { return (int32_t *)of->values; }

bool column_begin(column *new_column);
void column_free(column *of);
bool column_grow(column *of);
bool column_grow_text(column *of, int64_t length);

/* Cut *columns[0]* and all below it back to *length* values. */
void columns_cut(column *columns, int64_t length);

/* Append to *columns[0]* and all below it one value that stands for nothing: null where it may be. */
enum reason columns_append_nothing(column *columns);

static inline void set_bit(uint8_t *bits, int64_t index, bool value) {
    uint8_t mask = (uint8_t)(1u << (index & 7));
    bits[index >> 3] = value ? bits[index >> 3] | mask : bits[index >> 3] & (uint8_t)~mask;
}

/* Make room for one more value, and say whether it is one or null. */
static inline enum reason append_slot(column *to, bool valid) {
    if (to->length == to->capacity && !column_grow(to)) return NO_MEMORY;
    if (to->nullable) set_bit(to->validity, to->length, valid);
    return ACCEPTED;
}

#define DEFINE_APPEND(name, type)                                   \
    static inline enum reason name(column *to, type value) {        \
        enum reason why = append_slot(to, true);                    \
        if (why == ACCEPTED) ((type *)to->values)[to->length++] = value; \
        return why;                                                 \
    }
DEFINE_APPEND(append_int32, int32_t)
DEFINE_APPEND(append_int64, int64_t)
DEFINE_APPEND(append_float, float)
DEFINE_APPEND(append_double, double)

static inline enum reason append_bool(column *to, bool value) {
    enum reason why = append_slot(to, true);
    if (why == ACCEPTED) set_bit(to->values, to->length++, value);
    return why;
}

/* Append a value of *length* bytes to a VARIABLE column; they may be written to *written*. */
static inline enum reason append_room(column *to, int64_t length, uint8_t **written) {
    if (to->text_length + length > INT32_MAX) return COLUMN_FULL;
    if (to->text_length + length > to->text_capacity && !column_grow_text(to, length)) return NO_MEMORY;
    enum reason why = append_slot(to, true);
    if (why != ACCEPTED) return why;
    *written = to->text + to->text_length;
    to->text_length += length;
    offsets_of(to)[++to->length] = (int32_t)to->text_length;
    return ACCEPTED;
}

static inline enum reason append_text(column *to, const uint8_t *text, int64_t length) {
    uint8_t *written;
    enum reason why = append_room(to, length, &written);
    if (why == ACCEPTED && length) memcpy(written, text, (size_t)length);
    return why;
}

/* Append a list that holds all that *items*, the column below, has more than the lists before. */
static inline enum reason append_list(column *to, const column *items) {
    if (items->length > INT32_MAX) return COLUMN_FULL;
    enum reason why = append_slot(to, true);
    if (why == ACCEPTED) offsets_of(to)[++to->length] = (int32_t)items->length;
    return why;
}

#endif
