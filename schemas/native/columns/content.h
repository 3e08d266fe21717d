/* Hashes of the decoded values of each row; schemas/headrace/schemas/content.py has the rule. */
#ifndef HEADRACE_CONTENT_H
#define HEADRACE_CONTENT_H

#include "column.h"

/* For each column: of a STRUCT, the range of its members in the order of their names; of a LIST, whether it is a map. */
typedef struct {
    int32_t first, count, unordered;
} content_node;

/* One field: the word of its name, its column counted from its parent's, and the words of its value that are left out. */
typedef struct {
    uint64_t name;
    int32_t column, absent_at, absent_length, reserved;
} content_member;

typedef struct {
    const content_node *nodes;
    int64_t nodes_length;
    const content_member *members;
    int64_t members_length;
    const uint64_t *absent;
    int64_t absent_length;
} content_plan;

/* Whether *plan* stays within its tables and within *count* columns. */
bool content_plan_is_sound(const content_plan *plan, const column *columns, int32_t count);

/* Write the hash of each row of *columns[0]*, which must agree (columns_agree). False: no memory. */
bool content_hashes(const content_plan *plan, const column *columns, int64_t *hashes);

#endif
