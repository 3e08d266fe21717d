/* Checks of a program, made once when it is created: no operand is trusted. */
#include "decimal.h"
#include "decode.h"

static bool within(int64_t first, int64_t count, int64_t length) {
    return first >= 0 && count >= 0 && first <= length - count;
}

static bool symbols_are_sound(const program *prog, int64_t first, int64_t count) {
    if (!within(2 * first, 2 * count, prog->symbols_length)) return false;
    for (int64_t each = first; each < first + count; each++) {
        if (!within(prog->symbols[2 * each], prog->symbols[2 * each + 1], prog->texts_length)) return false;
    }
    return true;
}

static bool layout_fits(enum code code, int32_t layout) {
    switch (code) {
        case BOOLEAN: return layout == BITS;
        case NUMBER: return layout == INT32 || layout == INT64 || layout == FLOAT32 || layout == FLOAT64;
        case FLOAT: return layout == FLOAT32 || layout == FLOAT64;
        case DOUBLE: return layout == FLOAT64;
        case DECIMAL: return layout == DECIMAL128 || layout == DECIMAL256;
        case RECORD: return layout == STRUCT;
        case ARRAY:
        case MAP: return layout == LIST;
        case DEFAULT: return false; /* the instruction behind it has the column */
        default: return layout == VARIABLE;
    }
}

static bool operands_are_sound(const program *prog, const instruction *op, const column *to) {
    switch (op->code) {
        case NUMBER: return within(op->a, 3, prog->numbers_length);
        case FIXED: return op->a >= 0;
        case ENUM: return symbols_are_sound(prog, op->a, op->b);
        case DECIMAL:
            return within(op->a, LIMBS + 1, prog->numbers_length) && (op->b < 0 || op->b > 0) &&
                   (to == NULL || to->layout == DECIMAL256 ||
                    (prog->numbers[op->a + 2] == 0 && prog->numbers[op->a + 3] == 0));
        case DEFAULT: return symbols_are_sound(prog, op->a, 1);
        case ARRAY:
        case MAP: return op->a >= 0;
        default: return true;
    }
}

/* Mark *child* as written; false unless it is directly below *parent* and not marked yet. */
static bool mark(column *columns, int32_t parent, int32_t child) {
    int32_t below = parent + 1, end = parent + columns[parent].span;
    while (below < end && below < child) below += columns[below].span;
    return below == child && below < end && !columns[child].length++;
}

static bool all_are_marked(const column *columns, int32_t parent) {
    for (int32_t below = parent + 1; below < parent + columns[parent].span; below += columns[below].span) {
        if (!columns[below].length) return false;
    }
    return true;
}

/* Whether exactly one value follows a default, and no other default is within it. */
static bool default_is_sound(const program *prog, int32_t place) {
    const instruction *op = prog->code + place;
    if (op->form || op->column >= 0 || op->next == place + 1 || op[1].next != op->next) return false;
    for (int32_t each = place + 1; each < op->next; each++) {
        if (prog->code[each].code == DEFAULT) return false;
    }
    return true;
}

static bool shape_is_sound(const program *prog, int32_t place, int32_t stop) {
    const instruction *op = prog->code + place;
    if (op->code < 0 || op->code >= OPCODE_COUNT || op->form < 0 || op->form > NO_NULL) return false;
    if (op->next <= place || op->next > stop) return false;
    if (op->code == DEFAULT) return default_is_sound(prog, place);
    if (op->code == MAP) return op->next >= place + 3 && op[1].code == RECORD && op[2].code == STRING;
    return op->code == ARRAY || op->code == RECORD || op->next == place + 1;
}

/* Whether the instructions of *prog* from *place* to *stop* write each column directly below *parent* (-1: none)
 * once; *open* arrays and maps are around them. */
static bool are_sound(const program *prog, int32_t place, int32_t stop, column *columns, int32_t parent, int open) {
    for (const instruction *op; place < stop; place = op->code == DEFAULT ? place + 1 : op->next) {
        op = prog->code + place;
        if (!shape_is_sound(prog, place, stop) || op->column < -1) return false;
        if (op->column >= 0 && (parent < 0 || !mark(columns, parent, op->column))) return false;
        const column *to = op->column < 0 ? NULL : columns + op->column;
        bool may_be_null = op->form == NULL_FIRST || op->form == NULL_SECOND;
        bool fits = to == NULL || (layout_fits((enum code)op->code, to->layout) && (!may_be_null || to->nullable));
        if (!fits || !operands_are_sound(prog, op, to)) return false;
        bool items = op->code == ARRAY || op->code == MAP;
        if (items && open == MAX_DEPTH) return false;
        if (!items && op->code != RECORD) continue;
        if (!are_sound(prog, place + 1, op->next, columns, op->column, open + items)) return false;
    }
    return parent < 0 || all_are_marked(columns, parent);
}

bool program_is_sound(const program *checked, column *columns) {
    return are_sound(checked, 0, checked->length, columns, 0, 0);
}
