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
        case CHOICE: return true;
        case MEMBER: return layout == STRUCT;
        case IS_NULL: return layout == BITS;
        default: return layout == VARIABLE;
    }
}

static bool operands_are_sound(const program *prog, const instruction *op, const column *to) {
    switch (op->code) {
        case NUMBER: return within(op->a, 3, prog->numbers_length);
        case FIXED: return op->a >= 0;
        case SUBTREE: return within(op->a, 1, prog->readers_length);
        case ENUM: return symbols_are_sound(prog, op->a, op->b);
        case DECIMAL:
            return within(op->a, LIMBS + 1, prog->numbers_length) && (op->b < 0 || op->b > 0) &&
                   (to == NULL || to->layout == DECIMAL256 ||
                    (prog->numbers[op->a + 2] == 0 && prog->numbers[op->a + 3] == 0));
        case DEFAULT: return symbols_are_sound(prog, op->a, 1);
        case CHOICE: return !op->form && op->b > 0 && within(op->a, op->b, prog->numbers_length);
        case IS_NULL: return to != NULL && !op->form;
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
    if (op->code == MEMBER) return op->next > place + 1 && op[1].next == op->next;
    return op->code == ARRAY || op->code == RECORD || op->code == CHOICE || op->next == place + 1;
}

static bool are_sound(const program *prog, int32_t place, int32_t stop, column *columns, int32_t parent, int open);

static bool one_is_sound(const program *prog, int32_t place, int32_t stop, column *columns, int32_t parent, int open);

/* Whether each branch of the union at *place* is one instruction within it, which fills the column of the union. */
static bool branches_are_sound(const program *prog, int32_t place, column *columns, int32_t parent, int open) {
    const instruction *op = prog->code + place;
    for (int64_t each = 0; each < op->b; each++) {
        int64_t branch = prog->numbers[op->a + each];
        if (branch == NULL_BRANCH || branch == UNREADABLE_BRANCH) continue;
        if (branch <= place || branch >= op->next || prog->code[branch].column != op->column) return false;
        int32_t end = op->column < 0 ? -1 : op->column + columns[op->column].span;
        for (int32_t below = op->column; below >= 0 && below < end; below++) columns[below].length = 0;
        if (!one_is_sound(prog, (int32_t)branch, op->next, columns, parent, open)) return false;
    }
    return true;
}

static bool member_is_sound(const program *prog, int32_t place, column *columns, int open) {
    const instruction *op = prog->code + place;
    if ((op->column < 0) != (op[1].column < 0)) return false;
    return one_is_sound(prog, place + 1, op->next, columns, op->column, open);
}

/* Whether the instruction at *place* writes one column directly below *parent* (-1: none) that is not marked yet. */
static bool one_is_sound(const program *prog, int32_t place, int32_t stop, column *columns, int32_t parent, int open) {
    const instruction *op = prog->code + place;
    if (!shape_is_sound(prog, place, stop) || op->column < -1) return false;
    if (op->column >= 0 && (parent < 0 || !mark(columns, parent, op->column))) return false;
    const column *to = op->column < 0 ? NULL : columns + op->column;
    bool may_be_null = op->form == NULL_FIRST || op->form == NULL_SECOND;
    bool holds_null = to == NULL || !may_be_null || to->nullable || to->layout == LIST;
    if (!holds_null || (to != NULL && !layout_fits((enum code)op->code, to->layout))) return false;
    if (!operands_are_sound(prog, op, to)) return false;
    if (op->code < RECORD || op->code >= IS_NULL) return true;
    int within = open + (op->code != RECORD);
    if (within > MAX_OPEN) return false;
    if (op->code == DEFAULT) return one_is_sound(prog, place + 1, op->next, columns, parent, within);
    if (op->code == CHOICE) return branches_are_sound(prog, place, columns, parent, within);
    if (op->code == MEMBER) return member_is_sound(prog, place, columns, within);
    return are_sound(prog, place + 1, op->next, columns, op->column, within);
}

/* Whether the instructions of *prog* from *place* to *stop* write each column directly below *parent* (-1: none)
 * once; *open* instructions around them call the machine again. */
static bool are_sound(const program *prog, int32_t place, int32_t stop, column *columns, int32_t parent, int open) {
    for (; place < stop; place = prog->code[place].next) {
        if (!one_is_sound(prog, place, stop, columns, parent, open)) return false;
    }
    return parent < 0 || all_are_marked(columns, parent);
}

bool program_is_sound(const program *checked, column *columns) {
    return are_sound(checked, 0, checked->length, columns, 0, 0);
}
