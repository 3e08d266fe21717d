#include "decode.h"

#include <stdlib.h>

#include "values.h"

static enum status refuse(machine *vm, int32_t place, const uint8_t *at, enum status status) {
    vm->failed_at = place;
    vm->offset = at - vm->in.start;
    return status;
}

static column *column_of(machine *vm, const instruction *op) {
    return (op->column | vm->skip) < 0 ? NULL : vm->columns + op->column;
}

static enum status append_nothing(machine *vm, const instruction *op) {
    return (op->column | vm->skip) < 0 ? ACCEPTED : columns_append_nothing(vm->columns + op->column);
}

/* Begin a block: set its number of items, and the end that it declares (NULL: none). */
static enum status begin_block(machine *vm, int32_t place, int64_t seen, int64_t *items, const uint8_t **end) {
    reader *in = &vm->in;
    const uint8_t *start = in->at, *at = start;
    int64_t count, size = -1;
    enum status status = read_long(in, &count);
    if (status == ACCEPTED && count < 0) {
        at = in->at;
        status = read_long(in, &size);
        if (status == ENDS) at = start;
        if (status == ACCEPTED && size < 0) status = NEGATIVE_LENGTH;
        if (status == ACCEPTED && size > in->end - in->at) status = ENDS;
        count = count == INT64_MIN ? INT64_MAX : -count;
    }
    if (status != ACCEPTED) return refuse(vm, place, at, status);
    *items = count;
    *end = size < 0 ? NULL : in->at + size;
    if (count > MAX_ITEMS - seen) return refuse(vm, place, start, TOO_MANY_ITEMS);
    if (count > in->end - in->at) return refuse(vm, place, start, MORE_ITEMS_THAN_BYTES);
    vm->width += count * vm->program->code[place].a;
    return vm->width > MAX_WIDTH ? refuse(vm, place, start, TOO_WIDE) : ACCEPTED;
}

static bool note_key(machine *vm) {
    if (vm->keys_length == vm->keys_capacity) {
        int64_t capacity = vm->keys_capacity ? vm->keys_capacity * 2 : 64;
        key *larger = realloc(vm->keys, (size_t)capacity * sizeof *larger);
        if (larger == NULL) return false;
        vm->keys = larger;
        vm->keys_capacity = capacity;
    }
    key *noted = vm->keys + vm->keys_length++;
    reader ahead = vm->in; /* the key is read, and refused, by its own instruction */
    int64_t length;
    noted->at = (int32_t)(ahead.at - ahead.start);
    noted->length = read_length(&ahead, &length) == ACCEPTED ? (int32_t)length : 0;
    noted->text = ahead.at;
    return true;
}

static enum status run(machine *vm, int32_t place, int32_t stop);

static enum status read_block(machine *vm, int32_t place, int64_t seen, int64_t items) {
    const instruction *op = vm->program->code + place;
    for (int64_t each = 0; each < items; each++) {
        enum status status = op->code == MAP && !note_key(vm) ? NO_MEMORY : run(vm, place + 1, op->next);
        if (status != ACCEPTED) {
            vm->indexes[vm->depth++] = (int32_t)(seen + each);
            return status;
        }
    }
    return ACCEPTED;
}

/* Refuse a duplicate among the keys from *first* on; forget these keys. */
static enum status close_map(machine *vm, int32_t place, int64_t first) {
    int64_t duplicate = find_duplicate(vm->keys + first, vm->keys_length - first, vm->secret);
    vm->keys_length = first;
    if (duplicate == -2) return NO_MEMORY;
    if (duplicate == -1) return ACCEPTED;
    vm->indexes[vm->depth++] = (int32_t)duplicate;
    int32_t key_place = place + 2; /* the entry is a record: its first field */
    return refuse(vm, key_place, vm->in.start + vm->keys[first + duplicate].at, DUPLICATE_KEY);
}

static enum status read_items(machine *vm, int32_t place) {
    const instruction *op = vm->program->code + place;
    int64_t seen = 0, items, first = vm->keys_length;
    const uint8_t *end;
    for (;;) {
        enum status status = begin_block(vm, place, seen, &items, &end);
        if (status != ACCEPTED) return status;
        if (items == 0) break;
        status = read_block(vm, place, seen, items);
        if (status != ACCEPTED) return status;
        if (end != NULL && vm->in.at != end) return refuse(vm, place, vm->in.at, BLOCK_SIZE);
        seen += items;
    }
    if (op->code == MAP) {
        enum status status = close_map(vm, place, first);
        if (status != ACCEPTED) return status;
    }
    column *to = column_of(vm, op);
    return to ? append_list(to, to + 1) : ACCEPTED;
}

/* Read a default from its datum in the program. What it takes in columns was counted when the program was compiled. */
static enum status read_default(machine *vm, int32_t place) {
    const program *prog = vm->program;
    const instruction *op = prog->code + place;
    if (vm->skip < 0) return ACCEPTED;
    const int32_t *datum = prog->symbols + 2 * op->a;
    const uint8_t *start = prog->texts + datum[0];
    reader message = vm->in;
    int64_t width = vm->width;
    vm->in = (reader){start, start, start + datum[1]};
    vm->width = 0;
    enum status status = run(vm, place + 1, op->next);
    vm->in = message;
    vm->width = width;
    return status;
}

/* Read the index of a union's branch, and the value of that branch. */
static enum status read_choice(machine *vm, int32_t place) {
    const instruction *op = vm->program->code + place;
    const uint8_t *start = vm->in.at;
    int64_t index;
    enum status status = read_long(&vm->in, &index);
    if (status != ACCEPTED) return refuse(vm, place, start, status);
    if (index < 0 || index >= op->b) return refuse(vm, place, start, NO_BRANCH);
    int64_t branch = vm->program->numbers[op->a + index];
    if (branch == NULL_BRANCH) return append_nothing(vm, op);
    if (branch == UNREADABLE_BRANCH) return refuse(vm, place, start, UNREADABLE);
    return run(vm, (int32_t)branch, vm->program->code[branch].next);
}

/* Read the value of one member of a struct; the other members are null or empty. */
static enum status read_member(machine *vm, int32_t place) {
    const instruction *op = vm->program->code + place;
    column *to = column_of(vm, op);
    enum status status = to ? append_slot(to, true) : ACCEPTED;
    if (status != ACCEPTED) return status;
    if (to) to->length++;
    int32_t member = op[1].column - op->column;
    for (int32_t below = 1; to && below < to->span; below += to[below].span) {
        if (below == member) continue;
        status = columns_append_nothing(to + below);
        if (status != ACCEPTED) return status;
    }
    return run(vm, place + 1, op->next);
}

/* Append whether the next value begins with the byte of null, without reading it. */
static enum status read_is_null(machine *vm, int32_t place) {
    const instruction *op = vm->program->code + place;
    if (vm->in.at == vm->in.end) return refuse(vm, place, vm->in.at, ENDS);
    column *to = column_of(vm, op);
    return to ? append_bool(to, *vm->in.at == op->a) : ACCEPTED;
}

static enum status read_json(machine *vm, int32_t place) {
    column *to = column_of(vm, vm->program->code + place);
    const uint8_t *start = vm->in.at;
    int64_t length;
    enum status status = read_length(&vm->in, &length);
    const uint8_t *text = vm->in.at;
    if (status == ACCEPTED && !is_utf8(text, length)) status = NOT_UTF8;
    if (status == ACCEPTED) status = vm->check_json(vm->owner, text, length);
    if (status != ACCEPTED) return refuse(vm, place, start, status);
    vm->in.at += length;
    return to ? append_text(to, text, length) : ACCEPTED;
}

static enum status read_subtree(machine *vm, int32_t place) {
    const instruction *op = vm->program->code + place;
    const uint8_t *start = vm->in.at;
    int64_t length = 0;
    enum status status = vm->read_subtree(vm->owner, op->a, &vm->in, column_of(vm, op), &length);
    if (status != ACCEPTED) return refuse(vm, place, start, status);
    vm->width += length;
    return vm->width > MAX_WIDTH ? refuse(vm, place, start, TOO_WIDE) : ACCEPTED;
}

/* Run an instruction that is neither a record nor one value. */
static enum status read_parts(machine *vm, int32_t place) {
    switch (vm->program->code[place].code) {
        case DEFAULT: return read_default(vm, place);
        case CHOICE: return read_choice(vm, place);
        case MEMBER: return read_member(vm, place);
        case IS_NULL: return read_is_null(vm, place);
        case JSON: return read_json(vm, place);
        case SUBTREE: return read_subtree(vm, place);
        default: return read_items(vm, place);
    }
}

/* Run the instructions from *place* up to *stop*. A refusal inside an array or map has its position already. */
static enum status run(machine *vm, int32_t place, int32_t stop) {
    while (place < stop) {
        const instruction *op = vm->program->code + place;
        const uint8_t *start = vm->in.at;
        enum status status = ACCEPTED;
        if (op->form) {
            if (start == vm->in.end) return refuse(vm, place, start, ENDS);
            uint8_t null = op->form == NULL_FIRST ? 0 : 2;
            if (*start == null && op->form != NO_NULL) {
                vm->in.at++;
                status = append_nothing(vm, op);
                if (status != ACCEPTED) return status;
                place = op->next;
                continue;
            }
            if (*start != 2 - null) return refuse(vm, place, start, NO_BRANCH);
            start = ++vm->in.at;
        }
        if (op->code == RECORD) {
            column *to = column_of(vm, op);
            if (to && (status = append_slot(to, true)) == ACCEPTED) to->length++;
            if (status != ACCEPTED) return status;
            place++;
            continue;
        }
        if (op->code < RECORD) {
            status = read_value(vm->program, op, &vm->in, column_of(vm, op));
            if (status != ACCEPTED) return refuse(vm, place, start, status);
        } else {
            status = read_parts(vm, place);
            if (status != ACCEPTED) return status;
        }
        place = op->next;
    }
    return ACCEPTED;
}

/* Read the datum that begins after *header* bytes. */
static enum status read_all(machine *vm, const uint8_t *message, int64_t length, int32_t header) {
    vm->in = (reader){message, message, message + length};
    if (length < header) return refuse(vm, 0, message, ENDS);
    vm->in.at += header;
    vm->width = vm->keys_length = vm->depth = 0;
    vm->failed_at = -1;
    enum status status = run(vm, 0, vm->program->length);
    return status == ACCEPTED && vm->in.at != vm->in.end ? refuse(vm, -1, vm->in.at, BYTES_FOLLOW) : status;
}

/* The headers that other systems write before a datum; as in schemas/headrace/schemas/headers.py. */
static const struct header {
    uint8_t magic[2];
    int32_t magic_length, length;
} headers[] = {{{0x00}, 1, 5}, {{0x00}, 1, 9}, {{0xC3, 0x01}, 2, 10}, {{0x03, 0x00}, 2, 18}};

static bool begins_as_header(const uint8_t *message, int64_t length) {
    return length > 0 && (message[0] == 0x00 || message[0] == 0xC3 || message[0] == 0x03);
}

/* Refuse a message that is also a datum behind a header, whatever the id in the header. */
static enum status refuse_two_readings(machine *vm, const uint8_t *message, int64_t length) {
    enum status status = ENDS;
    for (size_t each = 0; each < sizeof headers / sizeof *headers; each++) {
        if (status == ACCEPTED || status >= NO_MEMORY) break;
        const struct header *header = headers + each;
        if (length <= header->length || memcmp(message, header->magic, (size_t)header->magic_length)) continue;
        vm->skip = -1;
        status = read_all(vm, message + header->length, length - header->length, 0);
        vm->skip = 0;
        vm->offset = header->length;
    }
    vm->failed_at = -1;
    vm->depth = 0;
    return status == ACCEPTED ? TWO_READINGS : status >= NO_MEMORY ? status : ACCEPTED;
}

enum status decode_message(machine *vm, const uint8_t *message, int64_t length) {
    int64_t rows = vm->columns[0].length;
    vm->failed_at = -1;
    vm->depth = 0;
    if (length > MAX_PAYLOAD) return TOO_LARGE;
    enum status status = read_all(vm, message, length, vm->program->header);
    if (status == ACCEPTED && !vm->program->datum && begins_as_header(message, length)) {
        status = refuse_two_readings(vm, message, length);
    }
    if (status == ACCEPTED) {
        vm->columns[0].length = rows + 1;
    } else {
        columns_cut(vm->columns, rows);
    }
    return status;
}
