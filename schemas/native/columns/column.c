#include "column.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

static int64_t bytes_of_values(const column *col, int64_t capacity) {
    static const int64_t widths[LAYOUT_COUNT] = {
        [INT32] = 4, [INT64] = 8, [FLOAT32] = 4, [FLOAT64] = 8, [DECIMAL128] = 16, [DECIMAL256] = 32,
    };
    switch (col->layout) {
        case BITS: return (capacity + 7) / 8;
        case VARIABLE:
        case LIST: return (capacity + 1) * 4;
        default: return capacity * widths[col->layout];
    }
}

static bool resize(uint8_t **buffer, int64_t bytes) {
    uint8_t *larger = realloc(*buffer, (size_t)bytes);
    if (larger != NULL) *buffer = larger;
    return larger != NULL;
}

static bool hold(column *col, int64_t capacity) {
    int64_t bytes = bytes_of_values(col, capacity);
    if (bytes && !resize(&col->values, bytes)) return false;
    if (col->nullable && !resize(&col->validity, (capacity + 7) / 8)) return false;
    col->capacity = capacity;
    return true;
}

bool column_begin(column *col) {
    col->length = col->capacity = col->text_length = col->text_capacity = 0;
    col->validity = col->values = col->text = NULL;
    if (!hold(col, FIRST_CAPACITY)) return false;
    if (col->layout == VARIABLE || col->layout == LIST) offsets_of(col)[0] = 0;
    return col->layout != VARIABLE || column_grow_text(col, FIRST_CAPACITY);
}

void column_free(column *col) {
    free(col->validity);
    free(col->values);
    free(col->text);
    col->validity = col->values = col->text = NULL;
}

bool column_grow(column *col) { return hold(col, col->capacity * 2); }

bool column_grow_text(column *col, int64_t length) {
    int64_t capacity = col->text_capacity * 2;
    if (capacity < col->text_length + length) capacity = col->text_length + length;
    if (!resize(&col->text, capacity)) return false;
    col->text_capacity = capacity;
    return true;
}

void columns_cut(column *columns, int64_t length) {
    column *top = columns;
    top->length = length;
    if (top->layout == VARIABLE) top->text_length = offsets_of(top)[length];
    if (top->layout == LIST) columns_cut(columns + 1, offsets_of(top)[length]);
    if (top->layout != STRUCT) return;
    for (int32_t below = 1; below < top->span; below += columns[below].span) columns_cut(columns + below, length);
}

enum status columns_append_nothing(column *columns) {
    column *top = columns;
    enum status status = append_slot(top, false);
    if (status != ACCEPTED) return status;
    if (top->layout == BITS) {
        set_bit(top->values, top->length, false);
    } else if (top->layout == VARIABLE || top->layout == LIST) {
        offsets_of(top)[top->length + 1] = offsets_of(top)[top->length];
    } else if (top->layout != STRUCT) {
        int64_t width = bytes_of_values(top, 1);
        memset(top->values + width * top->length, 0, (size_t)width);
    }
    top->length++;
    if (top->layout != STRUCT) return ACCEPTED;
    for (int32_t below = 1; below < top->span && status == ACCEPTED; below += columns[below].span) {
        status = columns_append_nothing(columns + below);
    }
    return status;
}
