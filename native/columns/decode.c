#include "decode.h"

#include <stdlib.h>

#include "decimal.h"

static enum reason refuse(machine *by, int32_t place, const uint8_t *at, enum reason why) {
    by->guilty = place;
    by->offset = at - by->from.start;
    return why;
}

static column *column_of(machine *by, const instruction *op) {
    return op->column < 0 ? NULL : by->columns + op->column;
}

static enum reason append_nothing(machine *by, const instruction *op) {
    return op->column < 0 ? ACCEPTED : columns_append_nothing(by->columns + op->column);
}

static enum reason append_number(column *to, int64_t value) {
    switch (to->layout) {
        case INT32: return append_int32(to, (int32_t)value);
        case INT64: return append_int64(to, value);
        case FLOAT32: return append_float(to, (float)(double)value);
        default: return append_double(to, (double)value);
    }
}

static enum reason read_boolean(reader *from, column *to) {
    if (from->at == from->end) return ENDS;
    if (*from->at > 1) return NO_BOOLEAN;
    bool value = *from->at++ == 1;
    return to ? append_bool(to, value) : ACCEPTED;
}

/* *bounds* are the least, the greatest and what a column counts for one. */
static enum reason read_number(reader *from, column *to, const int64_t bounds[3]) {
    int64_t value;
    enum reason why = read_long(from, &value);
    if (why != ACCEPTED) return why;
    if (value < bounds[0] || value > bounds[1]) return OUT_OF_RANGE;
    return to ? append_number(to, value * bounds[2]) : ACCEPTED;
}

static enum reason read_float(reader *from, column *to) {
    uint32_t bits = 0;
    if (from->end - from->at < 4) return ENDS;
    for (int each = 0; each < 4; each++) bits |= (uint32_t)*from->at++ << 8 * each;
    if ((bits & 0x7F800000u) == 0x7F800000u && (bits & 0x007FFFFFu)) bits |= 0x00400000u; /* a NaN is a quiet one */
    float value;
    memcpy(&value, &bits, 4);
    if (to == NULL) return ACCEPTED;
    return to->layout == FLOAT32 ? append_float(to, value) : append_double(to, (double)value);
}

static enum reason read_double(reader *from, column *to) {
    uint64_t bits = 0;
    if (from->end - from->at < 8) return ENDS;
    for (int each = 0; each < 8; each++) bits |= (uint64_t)*from->at++ << 8 * each;
    double value;
    memcpy(&value, &bits, 8);
    return to ? append_double(to, value) : ACCEPTED;
}

static enum reason read_bytes(reader *from, column *to, int64_t length) {
    const uint8_t *bytes = from->at;
    if (length > from->end - bytes) return ENDS;
    from->at += length;
    return to ? append_text(to, bytes, length) : ACCEPTED;
}

static enum reason read_string(reader *from, column *to) {
    int64_t length;
    enum reason why = read_length(from, &length);
    if (why != ACCEPTED) return why;
    return is_utf8(from->at, length) ? read_bytes(from, to, length) : NOT_UTF8;
}

static enum reason read_uuid(reader *from, column *to) {
    int64_t length;
    uint8_t lower[UUID_LENGTH];
    enum reason why = read_length(from, &length);
    if (why != ACCEPTED) return why;
    if (length != UUID_LENGTH || !lower_uuid(from->at, lower)) return NO_UUID;
    from->at += length;
    return to ? append_text(to, lower, UUID_LENGTH) : ACCEPTED;
}

static enum reason read_symbol(const program *in, reader *from, column *to, const instruction *op) {
    int64_t index;
    enum reason why = read_long(from, &index);
    if (why != ACCEPTED) return why;
    if (index < 0 || index >= op->b) return NO_SYMBOL;
    const int32_t *symbol = in->symbols + 2 * (op->a + index);
    return to ? append_text(to, in->texts + symbol[0], symbol[1]) : ACCEPTED;
}

/* *numbers* are the limit in four limbs, and the most bytes of one that says its length. */
static enum reason read_decimal(reader *from, column *to, const int64_t numbers[LIMBS + 1], int32_t size) {
    int64_t length = size;
    uint64_t limit[LIMBS];
    memcpy(limit, numbers, sizeof limit);
    if (size < 0) {
        enum reason why = read_length(from, &length);
        if (why != ACCEPTED) return why;
        if (length < 1 || length > numbers[LIMBS]) return DECIMAL_LENGTH;
    }
    if (length > from->end - from->at) return ENDS;
    from->at += length;
    return append_decimal(to, from->at - length, length, limit);
}

static enum reason append_default(machine *by, const instruction *op) {
    column *to = by->columns + op->column;
    const int32_t *text = by->program->symbols + 2 * op->a;
    double value;
    switch (to->layout) {
        case BITS: return append_bool(to, by->program->numbers[op->a] != 0);
        case INT32:
        case INT64: return append_number(to, by->program->numbers[op->a]);
        case VARIABLE: return append_text(to, by->program->texts + text[0], text[1]);
        default: break;
    }
    memcpy(&value, by->program->numbers + op->a, sizeof value);
    return to->layout == FLOAT32 ? append_float(to, (float)value) : append_double(to, value);
}

/* Begin a block: how many items it has, and where it says that it ends (NULL: it does not). */
static enum reason begin_block(machine *by, int32_t place, int64_t seen, int64_t *items, const uint8_t **end) {
    reader *from = &by->from;
    const uint8_t *start = from->at, *at = start;
    int64_t count, size = -1;
    enum reason why = read_long(from, &count);
    if (why == ACCEPTED && count < 0) {
        at = from->at;
        why = read_long(from, &size);
        if (why == ENDS) at = start;
        if (why == ACCEPTED && size < 0) why = NEGATIVE_LENGTH;
        if (why == ACCEPTED && size > from->end - from->at) why = ENDS;
        count = count == INT64_MIN ? INT64_MAX : -count;
    }
    if (why != ACCEPTED) return refuse(by, place, at, why);
    *items = count;
    *end = size < 0 ? NULL : from->at + size;
    if (count > MAX_ITEMS - seen) return refuse(by, place, start, TOO_MANY_ITEMS);
    if (count > from->end - from->at) return refuse(by, place, start, MORE_ITEMS_THAN_BYTES);
    by->width += count * by->program->code[place].a;
    return by->width > MAX_WIDTH ? refuse(by, place, start, TOO_WIDE) : ACCEPTED;
}

static bool note_key(machine *by) {
    if (by->keys_length == by->keys_capacity) {
        int64_t capacity = by->keys_capacity ? by->keys_capacity * 2 : 64;
        key *larger = realloc(by->keys, (size_t)capacity * sizeof *larger);
        if (larger == NULL) return false;
        by->keys = larger;
        by->keys_capacity = capacity;
    }
    key *noted = by->keys + by->keys_length++;
    reader ahead = by->from; /* the key is read, and refused, by its own instruction */
    int64_t length;
    noted->at = (int32_t)(ahead.at - ahead.start);
    noted->length = read_length(&ahead, &length) == ACCEPTED ? (int32_t)length : 0;
    noted->text = ahead.at;
    return true;
}

static enum reason run(machine *by, int32_t place, int32_t stop);

static enum reason read_block(machine *by, int32_t place, int64_t seen, int64_t items) {
    const instruction *op = by->program->code + place;
    for (int64_t each = 0; each < items; each++) {
        enum reason why = op->code == MAP && !note_key(by) ? NO_MEMORY : run(by, place + 1, op->next);
        if (why != ACCEPTED) {
            by->indexes[by->depth++] = (int32_t)(seen + each);
            return why;
        }
    }
    return ACCEPTED;
}

/* Refuse a key that stands twice among those from *first* on; forget them. */
static enum reason close_map(machine *by, int32_t place, int64_t first) {
    int64_t twin = find_twin(by->keys + first, by->keys_length - first, by->secret);
    by->keys_length = first;
    if (twin == -2) return NO_MEMORY;
    if (twin == -1) return ACCEPTED;
    by->indexes[by->depth++] = (int32_t)twin;
    int32_t of_key = place + 2; /* the entry is a record: its first field */
    return refuse(by, of_key, by->from.start + by->keys[first + twin].at, KEY_TWICE);
}

static enum reason read_items(machine *by, int32_t place) {
    const instruction *op = by->program->code + place;
    int64_t seen = 0, items, first = by->keys_length;
    const uint8_t *end;
    for (;;) {
        enum reason why = begin_block(by, place, seen, &items, &end);
        if (why != ACCEPTED) return why;
        if (items == 0) break;
        why = read_block(by, place, seen, items);
        if (why != ACCEPTED) return why;
        if (end != NULL && by->from.at != end) return refuse(by, place, by->from.at, BLOCK_SIZE);
        seen += items;
    }
    if (op->code == MAP) {
        enum reason why = close_map(by, place, first);
        if (why != ACCEPTED) return why;
    }
    column *to = column_of(by, op);
    return to ? append_list(to, to + 1) : ACCEPTED;
}

static enum reason read_value(machine *by, const instruction *op) {
    const program *in = by->program;
    reader *from = &by->from;
    column *to = column_of(by, op);
    int64_t length;
    enum reason why;
    switch (op->code) {
        case NUMBER: return read_number(from, to, in->numbers + op->a);
        case STRING: return read_string(from, to);
        case BOOLEAN: return read_boolean(from, to);
        case FLOAT: return read_float(from, to);
        case DOUBLE: return read_double(from, to);
        case UUID: return read_uuid(from, to);
        case FIXED: return read_bytes(from, to, op->a);
        case ENUM: return read_symbol(in, from, to, op);
        case DECIMAL: return read_decimal(from, to, in->numbers + op->a, op->b);
        default: break;
    }
    why = read_length(from, &length); /* BYTES */
    return why == ACCEPTED ? read_bytes(from, to, length) : why;
}

/* Run the instructions from *place* up to *stop*. A refusal inside an array or map has said where it is. */
static enum reason run(machine *by, int32_t place, int32_t stop) {
    while (place < stop) {
        const instruction *op = by->program->code + place;
        const uint8_t *start = by->from.at;
        enum reason why = ACCEPTED;
        if (op->optional) {
            if (start == by->from.end) return refuse(by, place, start, ENDS);
            uint8_t null = op->optional == NULL_FIRST ? 0 : 2;
            if (*start == null) {
                by->from.at++;
                why = append_nothing(by, op);
                if (why != ACCEPTED) return why;
                place = op->next;
                continue;
            }
            if (*start != 2 - null) return refuse(by, place, start, NO_BRANCH);
            start = ++by->from.at;
        }
        if (op->code == RECORD) {
            column *to = column_of(by, op);
            if (to && (why = append_slot(to, true)) == ACCEPTED) to->length++;
            if (why != ACCEPTED) return why;
            place++;
            continue;
        }
        if (op->code == ARRAY || op->code == MAP) {
            why = read_items(by, place);
            if (why != ACCEPTED) return why;
        } else {
            why = op->code != DEFAULT ? read_value(by, op)
                  : op->b             ? append_nothing(by, op)
                                      : append_default(by, op);
            if (why != ACCEPTED) return refuse(by, place, start, why);
        }
        place = op->next;
    }
    return ACCEPTED;
}

enum reason decode_message(machine *by, const uint8_t *message, int64_t length) {
    int64_t rows = by->columns[0].length;
    by->from = (reader){message, message, message + length};
    by->width = by->keys_length = by->depth = 0;
    by->guilty = -1;
    if (length > MAX_PAYLOAD) return TOO_LARGE;
    enum reason why = run(by, 0, by->program->length);
    if (why == ACCEPTED && by->from.at != by->from.end) why = refuse(by, -1, by->from.at, BYTES_FOLLOW);
    if (why == ACCEPTED) {
        by->columns[0].length = rows + 1;
    } else {
        columns_cut(by->columns, rows);
    }
    return why;
}
