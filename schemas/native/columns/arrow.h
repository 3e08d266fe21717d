/* Finished columns by the Arrow C data interface (arrow.apache.org/docs/format/CDataInterface.html). */
#ifndef HEADRACE_ARROW_H
#define HEADRACE_ARROW_H

#include "column.h"

struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children;
    struct ArrowArray *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};

/* Whether every field of a struct has as many values as it. */
bool columns_agree(const column *columns);

/* Give *columns[0]* and all below it away: *array* owns their memory, and they begin anew. False: no memory. */
bool columns_export(column *columns, struct ArrowArray *array);

#endif
