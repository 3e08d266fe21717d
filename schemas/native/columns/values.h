/* Read, check and append one value that contains no other values. */
#ifndef HEADRACE_VALUES_H
#define HEADRACE_VALUES_H

#include "decode.h"

/* Read the value of *op*; *to* is NULL when it is skipped. */
enum status read_value(const program *prog, const instruction *op, reader *in, column *to);

#endif
