#include "machine.h"

static bool fits(machine *vm, int64_t length) {
    vm->octets.length = 0;
    return reserve(&vm->octets, length);
}

static enum json_fault octets_of_latin1(machine *vm, text held, const uint8_t *start) {
    if (!fits(vm, held.length)) return NO_MEMORY;
    for (int64_t at = 0; at < held.length; at++) {
        uint8_t byte = held.bytes[at];
        if (byte >= 0xC4) return fail(&vm->in, start, NOT_LATIN1);
        if (byte >= 0xC2) byte = (uint8_t)(byte << 6 | (held.bytes[++at] & 0x3F));
        vm->octets.bytes[vm->octets.length++] = byte;
    }
    return ACCEPTED;
}

static int hex_value(uint8_t byte) {
    if (is_digit(byte)) return byte - '0';
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static enum json_fault octets_of_hex(machine *vm, text held, const uint8_t *start) {
    if (!fits(vm, held.length / 2)) return NO_MEMORY;
    bool good = held.length % 2 == 0;
    for (int64_t at = 0; good && at < held.length; at += 2) {
        int high = hex_value(held.bytes[at]), low = hex_value(held.bytes[at + 1]);
        good = high >= 0 && low >= 0;
        if (good) vm->octets.bytes[vm->octets.length++] = (uint8_t)(high << 4 | low);
    }
    return good ? ACCEPTED : fail(&vm->in, start, BAD_TEXT);
}

enum alphabet { NEITHER = 0, STANDARD = 1, URL = 2 };

/* Return six bits; -1 for a byte of no alphabet. Notes the alphabet of a byte that only one of them has. */
static int sextet(uint8_t byte, int *alphabets) {
    if (byte >= 'A' && byte <= 'Z') return byte - 'A';
    if (byte >= 'a' && byte <= 'z') return byte - 'a' + 26;
    if (is_digit(byte)) return byte - '0' + 52;
    if (byte == '+' || byte == '/') *alphabets |= STANDARD;
    if (byte == '-' || byte == '_') *alphabets |= URL;
    return byte == '+' || byte == '-' ? 62 : byte == '/' || byte == '_' ? 63 : -1;
}

static enum json_fault octets_of_base64(machine *vm, const node *op, text held, const uint8_t *start) {
    int64_t digits = held.length;
    while (digits && held.length - digits < 2 && held.bytes[digits - 1] == '=') digits--;
    bool whole = digits == held.length ? digits % 4 != 1 : held.length % 4 == 0;
    if (!whole) return fail(&vm->in, start, BAD_TEXT);
    if (!fits(vm, digits)) return NO_MEMORY;
    uint32_t bits = 0;
    int count = 0, alphabets = NEITHER;
    for (int64_t at = 0; at < digits; at++) {
        int six = sextet(held.bytes[at], &alphabets);
        if (six < 0) return fail(&vm->in, start, BAD_TEXT);
        bits = (bits << 6 | (uint32_t)six) & 0xFFFF;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        vm->octets.bytes[vm->octets.length++] = (uint8_t)(bits >> count);
    }
    bool known = alphabets != (STANDARD | URL) && (alphabets != STANDARD || TAKES(op, BASE64)) &&
                 (alphabets != URL || TAKES(op, BASE64URL));
    if (!known) return fail(&vm->in, start, BAD_TEXT);
    return bits & ((1u << count) - 1) ? fail(&vm->in, start, LEFT_OVER) : ACCEPTED;
}

enum json_fault octets_of_text(machine *vm, const node *op, text held, const uint8_t *start) {
    if (TAKES(op, LATIN1)) return octets_of_latin1(vm, held, start);
    if (TAKES(op, HEX)) return octets_of_hex(vm, held, start);
    return octets_of_base64(vm, op, held, start);
}

static enum json_fault read_array(machine *vm, const node *op) {
    reader *in = &vm->in;
    vm->octets.length = 0;
    in->at++;
    enum json_fault fault = skip_blanks(in);
    while (fault == ACCEPTED && *in->at != ']') {
        if (vm->octets.length && (fault = expect(in, ',')) != ACCEPTED) return fault;
        const uint8_t *start = in->at;
        int32_t value;
        if (!begins_number(in)) return unexpected(in, op);
        if ((fault = read_number(in, &vm->number)) != ACCEPTED) return fault;
        if (!is_index(&vm->number, 3, &value) || value > 255) return fail(in, start, UNEXPECTED);
        if (!put_byte(&vm->octets, (uint8_t)value)) return NO_MEMORY;
        fault = skip_blanks(in);
    }
    if (fault == ACCEPTED) in->at++;
    return fault;
}

static bool equals(text held, const char *word) {
    return (size_t)held.length == strlen(word) && memcmp(held.bytes, word, (size_t)held.length) == 0;
}

enum { TYPE = 1, DATA = 2, IS_BUFFER = 4 };

/* Read one key of a buffer and its value; notes in *seen* what it was. */
static enum json_fault read_member(machine *vm, const node *op, const uint8_t *start, int *seen) {
    reader *in = &vm->in;
    const uint8_t *key_at = in->at;
    text held;
    enum json_fault fault = read_key(in, &held);
    if (fault != ACCEPTED) return fault;
    int member = equals(held, "type") ? TYPE : equals(held, "data") ? DATA : 0;
    if (*seen & member) return fail(in, key_at, KEY_TWICE);
    *seen |= member;
    if (member == DATA && *in->at == '[') return read_array(vm, op);
    if (member != TYPE || *in->at != '"') return fail(in, start, UNEXPECTED);
    fault = read_text(in, &held);
    if (fault == ACCEPTED && equals(held, "Buffer")) *seen |= IS_BUFFER;
    return fault;
}

/* Read {"type": "Buffer", "data": [1, 2]}. */
static enum json_fault read_buffer(machine *vm, const node *op) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    int seen = 0;
    in->at++;
    enum json_fault fault = skip_blanks(in);
    while (fault == ACCEPTED && *in->at != '}') {
        if (seen && (fault = expect(in, ',')) != ACCEPTED) return fault;
        fault = read_member(vm, op, start, &seen);
        if (fault == ACCEPTED) fault = skip_blanks(in);
    }
    if (fault != ACCEPTED) return fault;
    if (seen != (TYPE | DATA | IS_BUFFER)) return fail(in, start, UNEXPECTED);
    in->at++;
    return ACCEPTED;
}

static enum json_fault find_octets(machine *vm, const node *op) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    bool texts = TAKES(op, BASE64) || TAKES(op, BASE64URL) || TAKES(op, HEX) || TAKES(op, LATIN1);
    if (*start == '"' && texts) {
        text held;
        enum json_fault fault = read_text(in, &held);
        return fault == ACCEPTED ? octets_of_text(vm, op, held, start) : fault;
    }
    if (*start == '[' && TAKES(op, OCTETS)) return read_array(vm, op);
    return *start == '{' && TAKES(op, BUFFER) ? read_buffer(vm, op) : unexpected(in, op);
}

enum json_fault read_octets(machine *vm, const node *op) {
    const uint8_t *start = vm->in.at;
    enum json_fault fault = find_octets(vm, op);
    if (fault != ACCEPTED) return fault;
    const buffer *octets = &vm->octets;
    if (op->size < 0) return put_sized(&vm->out, octets->bytes, octets->length) ? ACCEPTED : NO_MEMORY;
    if (octets->length != op->size) return fail(&vm->in, start, WRONG_SIZE);
    return put_bytes(&vm->out, octets->bytes, octets->length) ? ACCEPTED : NO_MEMORY;
}
