#include "decode.h"

#include <stdlib.h>

#include "values.h"

static enum reason refuse(machine *by, int32_t place, const uint8_t *at, enum reason why) {
    by->guilty = place;
    by->offset = at - by->from.start;
    return why;
}

static column *column_of(machine *by, const instruction *op) {
    return (op->column | by->over) < 0 ? NULL : by->columns + op->column;
}

static enum reason append_nothing(machine *by, const instruction *op) {
    return (op->column | by->over) < 0 ? ACCEPTED : columns_append_nothing(by->columns + op->column);
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
            why = op->code != DEFAULT    ? read_value(by->program, op, &by->from, column_of(by, op))
                  : op->b || by->over < 0 ? append_nothing(by, op)
                                          : append_default(by->program, op, column_of(by, op));
            if (why != ACCEPTED) return refuse(by, place, start, why);
        }
        place = op->next;
    }
    return ACCEPTED;
}

static enum reason read_all(machine *by, const uint8_t *message, int64_t length) {
    by->from = (reader){message, message, message + length};
    by->width = by->keys_length = by->depth = 0;
    by->guilty = -1;
    enum reason why = run(by, 0, by->program->length);
    return why == ACCEPTED && by->from.at != by->from.end ? refuse(by, -1, by->from.at, BYTES_FOLLOW) : why;
}

/* What other systems write in front of a datum; as in schemas/headrace/schemas/headers.py. */
static const struct header {
    uint8_t magic[2];
    int32_t magic_length, length;
} headers[] = {{{0x00}, 1, 5}, {{0x00}, 1, 9}, {{0xC3, 0x01}, 2, 10}, {{0x03, 0x00}, 2, 18}};

static bool begins_as_header(const uint8_t *message, int64_t length) {
    return length > 0 && (message[0] == 0x00 || message[0] == 0xC3 || message[0] == 0x03);
}

/* Refuse a message that is a datum behind a header too, whatever the id in it. */
static enum reason refuse_two_readings(machine *by, const uint8_t *message, int64_t length) {
    enum reason why = ENDS;
    for (size_t each = 0; each < sizeof headers / sizeof *headers && why != ACCEPTED && why != NO_MEMORY; each++) {
        const struct header *header = headers + each;
        if (length <= header->length || memcmp(message, header->magic, (size_t)header->magic_length)) continue;
        by->over = -1;
        why = read_all(by, message + header->length, length - header->length);
        by->over = 0;
        by->offset = header->length;
    }
    by->guilty = -1;
    by->depth = 0;
    return why == ACCEPTED ? TWO_READINGS : why == NO_MEMORY ? NO_MEMORY : ACCEPTED;
}

enum reason decode_message(machine *by, const uint8_t *message, int64_t length) {
    int64_t rows = by->columns[0].length;
    by->guilty = -1;
    by->depth = 0;
    if (length > MAX_PAYLOAD) return TOO_LARGE;
    enum reason why = read_all(by, message, length);
    if (why == ACCEPTED && !by->program->datum && begins_as_header(message, length)) {
        why = refuse_two_readings(by, message, length);
    }
    if (why == ACCEPTED) {
        by->columns[0].length = rows + 1;
    } else {
        columns_cut(by->columns, rows);
    }
    return why;
}
