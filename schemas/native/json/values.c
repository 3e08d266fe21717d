#include <math.h>

#include "machine.h"

enum json_fault unexpected(reader *in, const node *op) {
    (void)op;
    if (*in->at == 'n') return fail(in, in->at, begins_with(in, "null") ? NULL_VALUE : NOT_JSON);
    bool begins = begins_number(in) || strchr("{[\"tf", *in->at) != NULL;
    return fail(in, in->at, begins && *in->at ? UNEXPECTED : NOT_JSON);
}

static enum json_fault read_boolean(machine *vm, const node *op) {
    uint8_t byte = *vm->in.at;
    if (byte != 't' && byte != 'f') return unexpected(&vm->in, op);
    enum json_fault fault = read_literal(&vm->in);
    if (fault != ACCEPTED) return fault;
    return put_byte(&vm->out, byte == 't') ? ACCEPTED : NO_MEMORY;
}

/* Read a number in one of the forms number, safe-number and text. */
static enum json_fault read_any_number(machine *vm, const node *op) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    if (begins_number(in) && (TAKES(op, NUMBER) || TAKES(op, SAFE_NUMBER))) return read_number(in, &vm->number);
    if (*start != '"' || !TAKES(op, TEXT)) return unexpected(in, op);
    text held;
    enum json_fault fault = read_text(in, &held);
    return fault == ACCEPTED ? number_of_text(in, start, held, &vm->number) : fault;
}

static enum json_fault read_whole(machine *vm, const node *op) {
    static const int64_t safe = 9007199254740991;
    const uint8_t *start = vm->in.at;
    int64_t value;
    enum json_fault fault = read_any_number(vm, op);
    if (fault == ACCEPTED) fault = whole_of_number(vm, op, start, 0, &value);
    if (fault != ACCEPTED) return fault;
    if ((value > safe || value < -safe) && TAKES(op, SAFE_NUMBER) && *start != '"') {
        return fail(&vm->in, start, UNSAFE);
    }
    return put_long(&vm->out, value) ? ACCEPTED : NO_MEMORY;
}

static bool is_safe(const number *of) {
    int32_t count = of->count;
    while (count && of->digits[count - 1] == '0') count--;
    return count <= 15;
}

static enum json_fault read_decimal(machine *vm, const node *op) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    if (TAKES(op, LATIN1) || TAKES(op, BASE64)) {
        text held;
        if (*start != '"') return unexpected(in, op);
        enum json_fault fault = read_text(in, &held);
        if (fault == ACCEPTED) fault = octets_of_text(vm, op, held, start);
        return fault == ACCEPTED ? put_decimal_of_octets(vm, op, start) : fault;
    }
    enum json_fault fault = read_any_number(vm, op);
    if (fault == ACCEPTED) fault = put_decimal_of_number(vm, op, start);
    if (fault != ACCEPTED) return fault;
    bool safe = !TAKES(op, SAFE_NUMBER) || *start == '"' || is_safe(&vm->number);
    return safe ? ACCEPTED : fail(in, start, UNSAFE);
}

static enum json_fault read_floating(machine *vm, const node *op) {
    static const struct {
        const char *word;
        double value;
    } specials[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    for (int each = 0; each < 3; each++) {
        if (!begins_with(in, specials[each].word)) continue;
        if (!TAKES(op, TOKEN)) return fail(in, start, UNEXPECTED);
        in->at += strlen(specials[each].word);
        return put_special(vm, op, specials[each].value);
    }
    if (begins_number(in)) {
        enum json_fault fault = read_number(in, &vm->number);
        return fault == ACCEPTED ? put_floating(vm, op, start) : fault;
    }
    if (*start != '"' || !TAKES(op, TEXT)) return unexpected(in, op);
    text held;
    enum json_fault fault = read_text(in, &held);
    for (int each = 0; fault == ACCEPTED && each < 3; each++) {
        const char *word = specials[each].word;
        bool found = held.length == (int64_t)strlen(word) && memcmp(held.bytes, word, (size_t)held.length) == 0;
        if (found) return put_special(vm, op, specials[each].value);
    }
    return fault == ACCEPTED ? fail(in, start, BAD_TEXT) : fault;
}

static enum json_fault read_string(machine *vm, const node *op) {
    text held;
    if (*vm->in.at != '"') return unexpected(&vm->in, op);
    enum json_fault fault = read_text(&vm->in, &held);
    if (fault != ACCEPTED) return fault;
    return put_sized(&vm->out, held.bytes, held.length) ? ACCEPTED : NO_MEMORY;
}

enum { PLAIN_LENGTH = 32 };

/* Write the 32 digits of a UUID with dashes. */
static void put_dashes(const uint8_t *plain, uint8_t dashed[UUID_LENGTH]) {
    for (int at = 0; at < UUID_LENGTH; at++) {
        dashed[at] = at == 8 || at == 13 || at == 18 || at == 23 ? '-' : *plain++;
    }
}

static enum json_fault read_uuid(machine *vm, const node *op) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    text held;
    uint8_t dashed[UUID_LENGTH], lower[UUID_LENGTH];
    if (*start != '"') return unexpected(in, op);
    enum json_fault fault = read_text(in, &held);
    if (fault != ACCEPTED) return fault;
    bool plain = held.length == PLAIN_LENGTH && TAKES(op, PLAIN);
    bool good = plain || (held.length == UUID_LENGTH && TAKES(op, DASHED));
    if (plain) put_dashes(held.bytes, dashed);
    if (!good || !lower_uuid(plain ? dashed : held.bytes, lower)) return fail(in, start, BAD_TEXT);
    return put_sized(&vm->out, lower, UUID_LENGTH) ? ACCEPTED : NO_MEMORY;
}

static enum json_fault read_enum(machine *vm, const node *op) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    int32_t index = -1;
    enum json_fault fault;
    if (*start == '"' && TAKES(op, NAME)) {
        text held;
        if ((fault = read_text(in, &held)) != ACCEPTED) return fault;
        index = find_name(vm->plan, op->first, op->count, held.bytes, held.length);
    } else if (begins_number(in) && TAKES(op, INDEX)) {
        if ((fault = read_number(in, &vm->number)) != ACCEPTED) return fault;
        if (!is_index(&vm->number, 9, &index)) index = -1;
    } else {
        return unexpected(in, op);
    }
    if (index < 0 || index >= op->count) return fail(in, start, NO_SYMBOL);
    return put_long(&vm->out, index) ? ACCEPTED : NO_MEMORY;
}

enum json_fault read_value(machine *vm, const node *op) {
    switch (op->code) {
        case BOOLEAN: return read_boolean(vm, op);
        case WHOLE: return read_whole(vm, op);
        case DECIMAL: return read_decimal(vm, op);
        case FLOAT:
        case DOUBLE: return read_floating(vm, op);
        case STRING: return read_string(vm, op);
        case BYTES: return read_octets(vm, op);
        case UUID: return read_uuid(vm, op);
        case ENUM: return read_enum(vm, op);
        default: return read_moment(vm, op);
    }
}
