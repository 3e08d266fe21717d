/* Arrow columns under construction. Every append makes room first. */
#ifndef HEADRACE_COLUMN_H
#define HEADRACE_COLUMN_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "varint.h"

/* How the values of a column lie in memory; as in schemas/headrace/schemas/layout.py. */
#define LAYOUTS(X) \
    X(BITS) X(INT32) X(INT64) X(FLOAT32) X(FLOAT64) X(VARIABLE) X(DECIMAL128) X(DECIMAL256) X(STRUCT) X(LIST)
enum layout { LAYOUTS(ENUMERATOR) LAYOUT_COUNT };

typedef struct {
    int32_t layout, nullable;
    int32_t span; /* number of columns: itself and all below it, in pre-order */
    int64_t length, capacity;
    uint8_t *validity; /* bits; NULL unless nullable */
    uint8_t *values;   /* offsets of VARIABLE and LIST, NULL of STRUCT */
    uint8_t *text;     /* of VARIABLE */
    int64_t text_length, text_capacity;
} column;

static inline int32_t *offsets_of(const column *col) { return (int32_t *)col->values; }

bool column_begin(column *col);
void column_free(column *col);
bool column_grow(column *col);
bool column_grow_text(column *col, int64_t length);

/* Cut *columns[0]* and all below it back to *length* values. */
void columns_cut(column *columns, int64_t length);

/* Append an empty value to *columns[0]* and all below it: null if the column is nullable. */
enum status columns_append_nothing(column *columns);

static inline void set_bit(uint8_t *bits, int64_t index, bool value) {
    uint8_t mask = (uint8_t)(1u << (index & 7));
    bits[index >> 3] = value ? bits[index >> 3] | mask : bits[index >> 3] & (uint8_t)~mask;
}

/* Make room for one more value, and mark it as valid or null. */
static inline enum status append_slot(column *to, bool valid) {
    if (to->length == to->capacity && !column_grow(to)) return NO_MEMORY;
    if (to->nullable) set_bit(to->validity, to->length, valid);
    return ACCEPTED;
}

#define DEFINE_APPEND(name, type)                                   \
    static inline enum status name(column *to, type value) {        \
        enum status status = append_slot(to, true);                 \
        if (status == ACCEPTED) ((type *)to->values)[to->length++] = value; \
        return status;                                              \
    }
DEFINE_APPEND(append_int32, int32_t)
DEFINE_APPEND(append_int64, int64_t)
DEFINE_APPEND(append_float, float)
DEFINE_APPEND(append_double, double)

static inline enum status append_bool(column *to, bool value) {
    enum status status = append_slot(to, true);
    if (status == ACCEPTED) set_bit(to->values, to->length++, value);
    return status;
}

/* Append a value of *length* bytes to a VARIABLE column; the caller writes the bytes to *written*. */
static inline enum status append_room(column *to, int64_t length, uint8_t **written) {
    if (to->text_length + length > INT32_MAX) return COLUMN_FULL;
    if (to->text_length + length > to->text_capacity && !column_grow_text(to, length)) return NO_MEMORY;
    enum status status = append_slot(to, true);
    if (status != ACCEPTED) return status;
    *written = to->text + to->text_length;
    to->text_length += length;
    offsets_of(to)[++to->length] = (int32_t)to->text_length;
    return ACCEPTED;
}

static inline enum status append_text(column *to, const uint8_t *text, int64_t length) {
    uint8_t *written;
    enum status status = append_room(to, length, &written);
    if (status == ACCEPTED && length) memcpy(written, text, (size_t)length);
    return status;
}

/* Append a list of the values added to *items*, the column below, since the list before. */
static inline enum status append_list(column *to, const column *items) {
    if (items->length > INT32_MAX) return COLUMN_FULL;
    enum status status = append_slot(to, true);
    if (status == ACCEPTED) offsets_of(to)[++to->length] = (int32_t)items->length;
    return status;
}

#endif
