/* Export finished columns through the Arrow C data interface (arrow.apache.org/docs/format/CDataInterface.html). */
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

/* Whether every field of a struct has as many values as the struct, and every list the items of its offsets. */
bool columns_agree(const column *columns);

/* Move *columns[0]* and all below it to *array*, which then owns their memory; the columns are empty again.
 * False: no memory. */
bool columns_export(column *columns, struct ArrowArray *array);

#endif
