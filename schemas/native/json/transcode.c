#include <stdlib.h>

#include "machine.h"

static enum json_fault run(machine *vm, int32_t place);

/* Note that the node at *place* has the fault, unless one within it has it already. */
static enum json_fault refuse(machine *vm, int32_t place, enum json_fault fault) {
    if (fault != ACCEPTED && vm->failed_node < 0) vm->failed_node = place;
    return fault;
}

static enum json_fault fail_at(machine *vm, int32_t place, const uint8_t *at, enum json_fault fault) {
    return refuse(vm, place, fail(&vm->in, at, fault));
}

/* Whether the next key is *name*, which is then read with the colon behind it. */
static bool is_next(reader *in, const plan *from, int32_t name, enum json_fault *fault) {
    span expected = from->spans[name];
    const uint8_t *key = in->at + 1;
    if (in->end - key <= expected.length || key[expected.length] != '"') return false;
    if (memcmp(key, from->bytes + expected.at, (size_t)expected.length)) return false;
    in->at = key + expected.length + 1;
    *fault = skip_blanks(in);
    if (*fault == ACCEPTED) *fault = expect(in, ':');
    return true;
}

/* Find the field that the next key names; -1: none. */
static enum json_fault read_name(machine *vm, const node *op, int32_t expected, int32_t *field) {
    reader *in = &vm->in;
    enum json_fault fault = ACCEPTED;
    if (*in->at != '"') return fail(in, in->at, NOT_JSON);
    *field = expected;
    if (expected < op->next && is_next(in, vm->plan, vm->plan->nodes[expected].name, &fault)) return fault;
    text key;
    fault = read_key(in, &key);
    if (fault == ACCEPTED) *field = find_name(vm->plan, op->first, op->count, key.bytes, key.length);
    return fault;
}

/* Read one field of the record at *place*. *expected* is the one that comes next in the datum; op->next: none does. */
static enum json_fault read_field(machine *vm, int32_t place, int32_t *expected) {
    const node *op = vm->plan->nodes + place;
    const uint8_t *key_at = vm->in.at;
    int32_t field;
    enum json_fault fault = read_name(vm, op, *expected, &field);
    if (fault != ACCEPTED) return refuse(vm, place, fault);
    if (field < 0) {
        if (!op->ignore) return fail_at(vm, place, key_at, UNKNOWN_KEY);
        return refuse(vm, place, skip_value(&vm->in));
    }
    slot *held = vm->slots + field;
    if (held->length >= 0) return fail_at(vm, field, key_at, KEY_TWICE);
    int64_t start = vm->out.length;
    fault = run(vm, field);
    *held = (slot){start, vm->out.length - start};
    *expected = field == *expected ? vm->plan->nodes[field].next : INT32_MAX;
    return fault;
}

/* Write the fields that were read from *base* on again in their order, with the defaults of the absent ones. */
static enum json_fault put_in_order(machine *vm, int32_t place, int64_t base, const uint8_t *start) {
    const plan *from = vm->plan;
    const node *op = from->nodes + place;
    int64_t total = 0;
    for (int32_t each = place + 1; each < op->next; each = from->nodes[each].next) {
        int32_t absent = from->nodes[each].absent;
        if (vm->slots[each].length < 0 && absent < 0) return fail_at(vm, each, start, ABSENT);
        total += vm->slots[each].length < 0 ? from->spans[absent].length : vm->slots[each].length;
    }
    if (total > MAX_TEXT) return fail_at(vm, place, start, LARGE_DATUM);
    if (!reserve(&vm->out, total)) return NO_MEMORY;
    uint8_t *into = vm->out.bytes + vm->out.length;
    for (int32_t each = place + 1; each < op->next; each = from->nodes[each].next) {
        slot held = vm->slots[each];
        int32_t absent = from->nodes[each].absent;
        int64_t length = held.length < 0 ? from->spans[absent].length : held.length;
        memcpy(into, held.length < 0 ? text_of(from, absent) : vm->out.bytes + held.start, (size_t)length);
        into += length;
    }
    memmove(vm->out.bytes + base, vm->out.bytes + vm->out.length, (size_t)total);
    vm->out.length = base + total;
    return ACCEPTED;
}

static enum json_fault read_record(machine *vm, int32_t place) {
    const node *op = vm->plan->nodes + place;
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    int64_t base = vm->out.length;
    int32_t expected = place + 1;
    if (*start != '{') return refuse(vm, place, unexpected(in, op));
    for (int32_t each = expected; each < op->next; each = vm->plan->nodes[each].next) vm->slots[each].length = -1;
    in->at++;
    enum json_fault fault = skip_blanks(in);
    bool closed = fault == ACCEPTED && *in->at == '}';
    if (closed) in->at++;
    while (fault == ACCEPTED && !closed) {
        fault = read_field(vm, place, &expected);
        if (fault != ACCEPTED) return fault;
        if (vm->out.length - base > MAX_TEXT) return fail_at(vm, place, start, LARGE_DATUM);
        fault = next_item(in, '}', &closed);
    }
    if (fault != ACCEPTED) return refuse(vm, place, fault);
    return expected == op->next ? ACCEPTED : put_in_order(vm, place, base, start);
}

static bool note_key(machine *vm, const uint8_t *at, int64_t length) {
    if (vm->keys_length == vm->keys_capacity) {
        int64_t capacity = vm->keys_capacity ? vm->keys_capacity * 2 : 64;
        key *keys = realloc(vm->keys, (size_t)capacity * sizeof *keys);
        if (keys == NULL) return false;
        vm->keys = keys;
        int64_t *places = realloc(vm->key_places, (size_t)capacity * sizeof *places);
        if (places == NULL) return false;
        vm->key_places = places;
        vm->keys_capacity = capacity;
    }
    vm->key_places[vm->keys_length] = vm->out.length;
    vm->keys[vm->keys_length++] = (key){NULL, (int32_t)length, (int32_t)(at - vm->in.start)};
    return true;
}

static enum json_fault read_entry(machine *vm, int32_t place) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    text name;
    enum json_fault fault = read_key(in, &name);
    if (fault != ACCEPTED) return refuse(vm, place + 1, fault);
    if (!put_long(&vm->out, name.length) || !note_key(vm, start, name.length)) return NO_MEMORY;
    return put_bytes(&vm->out, name.bytes, name.length) ? run(vm, place + 2) : NO_MEMORY;
}

/* Refuse a duplicate among the keys from *first* on; forget these keys. */
static enum json_fault close_map(machine *vm, int32_t place, int64_t first) {
    int64_t count = vm->keys_length - first;
    for (int64_t each = first; each < vm->keys_length; each++) {
        vm->keys[each].text = vm->out.bytes + vm->key_places[each];
    }
    int64_t duplicate = find_duplicate(vm->keys + first, count, vm->secret);
    vm->keys_length = first;
    if (duplicate == -2) return NO_MEMORY;
    if (duplicate == -1) return ACCEPTED;
    vm->indexes[vm->depth++] = (int32_t)duplicate;
    return fail_at(vm, place + 1, vm->in.start + vm->keys[first + duplicate].at, KEY_TWICE);
}

/* Write the number of items before them, where there is room for one byte, and the end of the last block. */
static bool close_block(buffer *out, int64_t base, int64_t items) {
    uint8_t count[10];
    int length = write_long(count, items);
    if (!reserve(out, 10)) return false;
    if (length > 1) {
        memmove(out->bytes + base + length, out->bytes + base + 1, (size_t)(out->length - base - 1));
        out->length += length - 1;
    }
    memcpy(out->bytes + base, count, (size_t)length);
    if (items) out->bytes[out->length++] = 0;
    return true;
}

static enum json_fault read_items(machine *vm, int32_t place) {
    const node *op = vm->plan->nodes + place;
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    bool map = op->code == MAP;
    uint8_t close = map ? '}' : ']';
    int64_t base = vm->out.length, first = vm->keys_length, items = 0;
    if (*start != (map ? '{' : '[')) return refuse(vm, place, unexpected(in, op));
    if (!put_byte(&vm->out, 0)) return NO_MEMORY;
    in->at++;
    enum json_fault fault = skip_blanks(in);
    bool closed = fault == ACCEPTED && *in->at == close;
    if (closed) in->at++;
    while (fault == ACCEPTED && !closed) {
        if (items == MAX_ITEMS) return fail_at(vm, place, start, TOO_MANY_ITEMS);
        fault = map ? read_entry(vm, place) : run(vm, place + 1);
        if (fault != ACCEPTED) {
            vm->indexes[vm->depth++] = (int32_t)items;
            return fault;
        }
        items++;
        if (vm->out.length - base - 1 > MAX_TEXT) return fail_at(vm, place, start, LARGE_DATUM);
        fault = next_item(in, close, &closed);
    }
    if (fault == ACCEPTED && map) fault = close_map(vm, place, first);
    if (fault != ACCEPTED) return refuse(vm, place, fault);
    return close_block(&vm->out, base, items) ? ACCEPTED : NO_MEMORY;
}

/* Read the value of one branch of the union at *place*: its index, then the value. */
static enum json_fault read_branch(machine *vm, int32_t place, int32_t branch) {
    const node *nodes = vm->plan->nodes;
    int64_t index = 0;
    for (int32_t each = place + 1; each < branch; each = nodes[each].next) index++;
    int32_t null = nodes[place].null_place;
    if (null >= 0 && null <= index) index++;
    return put_long(&vm->out, index) ? run(vm, branch) : NO_MEMORY;
}

static enum json_fault read_bare(machine *vm, int32_t place) {
    const node *op = vm->plan->nodes + place;
    if (op->code == RECORD) return read_record(vm, place);
    if (op->code == ARRAY || op->code == MAP) return read_items(vm, place);
    return refuse(vm, place, read_value(vm, op));
}

/* Return whether *key* is the text of this index. */
static bool is_named(const plan *from, int32_t name, const text *key) {
    if (name < 0) return false;
    span wanted = from->spans[name];
    return key->length == wanted.length && !memcmp(key->bytes, from->bytes + wanted.at, (size_t)wanted.length);
}

/* Read {"string": "value"}, where the key names the branch of a union. */
static enum json_fault read_tagged(machine *vm, int32_t place) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    const node *op = vm->plan->nodes + place;
    text found;
    if (*start != '{') return fail_at(vm, place, start, NO_BRANCH);
    in->at++;
    enum json_fault fault = skip_blanks(in);
    if (fault == ACCEPTED && *in->at == '}') return fail_at(vm, place, start, NO_BRANCH);
    if (fault == ACCEPTED) fault = read_key(in, &found);
    if (fault != ACCEPTED) return refuse(vm, place, fault);
    int32_t branch = -1;
    if (op->code == UNION) branch = find_name(vm->plan, op->first, op->count, found.bytes, found.length);
    else if (is_named(vm->plan, op->tag, &found) || is_named(vm->plan, op->logical_tag, &found)) branch = place;
    if (branch < 0) return fail_at(vm, place, start, NO_BRANCH);
    fault = op->code == UNION ? read_branch(vm, place, branch) : read_bare(vm, place);
    if (fault != ACCEPTED) return fault;
    fault = skip_blanks(in);
    if (fault != ACCEPTED) return refuse(vm, place, fault);
    if (*in->at == ',') return fail_at(vm, place, start, NO_BRANCH);
    if (*in->at != '}') return fail_at(vm, place, in->at, NOT_JSON);
    in->at++;
    return ACCEPTED;
}

/* Read the value of the node at *place*, or the null in its place. */
static enum json_fault run(machine *vm, int32_t place) {
    const node *op = vm->plan->nodes + place;
    bool put = true;
    if (op->optional || op->null >= 0) {
        uint8_t null = op->optional == NULL_FIRST ? 0 : 2;
        if (*vm->in.at == 'n') {
            enum json_fault fault = read_literal(&vm->in);
            if (fault != ACCEPTED) return refuse(vm, place, fault);
            put = op->optional ? put_byte(&vm->out, null)
                               : put_bytes(&vm->out, text_of(vm->plan, op->null), vm->plan->spans[op->null].length);
            return put ? ACCEPTED : NO_MEMORY;
        }
        put = !op->optional || put_byte(&vm->out, 2 - null);
    }
    if (!put) return NO_MEMORY;
    if (op->code == UNION && op->null_place >= 0 && *vm->in.at == 'n') {
        enum json_fault fault = read_literal(&vm->in);
        if (fault != ACCEPTED) return refuse(vm, place, fault);
        return put_long(&vm->out, op->null_place) ? ACCEPTED : NO_MEMORY;
    }
    return op->tag >= 0 || op->code == UNION ? read_tagged(vm, place) : read_bare(vm, place);
}

enum json_fault transcode(machine *vm, const uint8_t *bytes, int64_t length) {
    reader *in = &vm->in;
    in->start = in->at = bytes;
    in->end = bytes + length;
    vm->out.length = vm->keys_length = vm->depth = 0;
    vm->failed_node = -1;
    if (length > MAX_TEXT) return fail(in, bytes, TOO_LARGE);
    if (begins_with(in, "\xEF\xBB\xBF")) in->at += 3;
    enum json_fault fault = skip_blanks(in);
    if (fault == ACCEPTED) fault = run(vm, 0);
    if (fault != ACCEPTED) return fault;
    pass_blanks(in);
    return in->at == in->end ? ACCEPTED : fail(in, in->at, BYTES_FOLLOW);
}
