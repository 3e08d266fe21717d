/* One value that holds no others: read, checked and appended. */
#ifndef HEADRACE_VALUES_H
#define HEADRACE_VALUES_H

#include "decode.h"

/* Read what *op* says; *to* is NULL when it is read over. */
enum reason read_value(const program *in, const instruction *op, reader *from, column *to);

/* Append the default of a field that the writer did not know; not null, and not an empty list. */
enum reason append_default(const program *in, const instruction *op, column *to);

#endif
