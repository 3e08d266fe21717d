#include "column.h"

#include <stdlib.h>

enum { FIRST_CAPACITY = 64 };

static int64_t bytes_of_values(const column *of, int64_t capacity) {
    static const int64_t widths[LAYOUTS] = {
        [INT32] = 4, [INT64] = 8, [FLOAT32] = 4, [FLOAT64] = 8, [DECIMAL128] = 16, [DECIMAL256] = 32,
    };
    switch (of->layout) {
        case BITS: return (capacity + 7) / 8;
        case VARIABLE:
        case LIST: return (capacity + 1) * 4;
        default: return capacity * widths[of->layout];
    }
}

static bool resize(uint8_t **buffer, int64_t bytes) {
    uint8_t *larger = realloc(*buffer, (size_t)bytes);
    if (larger != NULL) *buffer = larger;
    return larger != NULL;
}

static bool hold(column *of, int64_t capacity) {
    int64_t bytes = bytes_of_values(of, capacity);
    if (bytes && !resize(&of->values, bytes)) return false;
    if (of->nullable && !resize(&of->validity, (capacity + 7) / 8)) return false;
    of->capacity = capacity;
    return true;
}

bool column_begin(column *new_column) {
    new_column->length = new_column->capacity = new_column->text_length = new_column->text_capacity = 0;
    new_column->validity = new_column->values = new_column->text = NULL;
    if (!hold(new_column, FIRST_CAPACITY)) return false;
    if (new_column->layout == VARIABLE || new_column->layout == LIST) offsets_of(new_column)[0] = 0;
    return new_column->layout != VARIABLE || column_grow_text(new_column, FIRST_CAPACITY);
}

void column_free(column *of) {
    free(of->validity);
    free(of->values);
    free(of->text);
    of->validity = of->values = of->text = NULL;
}

bool column_grow(column *of) { return hold(of, of->capacity * 2); }

bool column_grow_text(column *of, int64_t length) {
    int64_t capacity = of->text_capacity * 2;
    if (capacity < of->text_length + length) capacity = of->text_length + length;
    if (!resize(&of->text, capacity)) return false;
    of->text_capacity = capacity;
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

enum reason columns_append_nothing(column *columns) {
    column *top = columns;
    enum reason why = append_slot(top, false);
    if (why != ACCEPTED) return why;
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
    for (int32_t below = 1; below < top->span && why == ACCEPTED; below += columns[below].span) {
        why = columns_append_nothing(columns + below);
    }
    return why;
}
