/* Exact numbers: big-endian two's complement on the wire, little-endian of 16 or 32 bytes in a column. */
#ifndef HEADRACE_DECIMAL_H
#define HEADRACE_DECIMAL_H

#include <stdint.h>

#include "column.h"

enum { LIMBS = 4 }; /* of 64 bits, the lowest first */

/* Append a number of *length* bytes, at least one; refuse it unless its absolute value is below *limit*. */
enum status append_decimal(column *to, const uint8_t *bytes, int64_t length, const uint64_t limit[LIMBS]);

#endif
