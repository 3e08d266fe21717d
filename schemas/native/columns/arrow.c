#include "arrow.h"

#include <stdlib.h>

enum { MOST_BUFFERS = 3 };

static void release(struct ArrowArray *array) {
    for (int64_t each = 0; each < array->n_children; each++) {
        struct ArrowArray *child = array->children[each];
        if (child->release != NULL) child->release(child);
        free(child);
    }
    for (int64_t each = 0; each < array->n_buffers; each++) free((void *)array->buffers[each]);
    free(array->children);
    free(array->buffers);
    array->release = NULL;
}

bool columns_agree(const column *columns) {
    for (int32_t below = 1; below < columns->span; below += columns[below].span) {
        int64_t wanted = columns->layout == LIST ? offsets_of(columns)[columns->length] : columns->length;
        if (columns[below].length != wanted || !columns_agree(columns + below)) return false;
    }
    return true;
}

static int64_t count_nulls(const column *col) {
    int64_t nulls = 0;
    for (int64_t at = 0; at < col->length; at++) nulls += !(col->validity[at >> 3] >> (at & 7) & 1);
    return nulls;
}

static void clear_tail(uint8_t *bits, int64_t length) {
    if (length & 7) bits[length >> 3] &= (uint8_t)((1 << (length & 7)) - 1);
}

/* Move the buffers of *col* into *array*. */
static void give_buffers(column *col, struct ArrowArray *array) {
    array->null_count = col->nullable ? count_nulls(col) : 0;
    if (col->nullable) clear_tail(col->validity, col->length);
    if (col->layout == BITS) clear_tail(col->values, col->length);
    array->n_buffers = col->layout == STRUCT ? 1 : col->layout == VARIABLE ? 3 : 2;
    array->buffers[0] = col->validity;
    array->buffers[1] = col->values;
    array->buffers[2] = col->text;
}

static int64_t count_children(const column *columns) {
    int64_t children = 0;
    for (int32_t below = 1; below < columns->span; below += columns[below].span) children++;
    return children;
}

static bool give_children(column *columns, struct ArrowArray *array) {
    int64_t children = count_children(columns);
    array->children = calloc((size_t)children + 1, sizeof *array->children);
    if (array->children == NULL) return false;
    for (int32_t below = 1; below < columns->span; below += columns[below].span) {
        struct ArrowArray *child = calloc(1, sizeof *child);
        if (child == NULL) return false;
        array->children[array->n_children++] = child;
        if (!columns_export(columns + below, child)) return false;
    }
    return true;
}

bool columns_export(column *columns, struct ArrowArray *array) {
    column exported = *columns;
    memset(array, 0, sizeof *array);
    array->buffers = calloc(MOST_BUFFERS, sizeof *array->buffers);
    if (array->buffers == NULL) return false;
    array->release = release;
    if (!give_children(columns, array)) return false;
    if (!column_begin(columns)) {
        column_free(columns); /* a new column, partly allocated */
        *columns = exported;
        return false;
    }
    give_buffers(&exported, array);
    array->length = exported.length;
    return true;
}
