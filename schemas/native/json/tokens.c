#include "tokens.h"

#include <stdlib.h>

#include "../columns/text.h"

bool grow(buffer *into, int64_t more) {
    int64_t capacity = into->capacity ? into->capacity : 1024;
    while (capacity < into->length + more) capacity *= 2;
    uint8_t *larger = realloc(into->bytes, (size_t)capacity);
    if (larger == NULL) return false;
    into->bytes = larger;
    into->capacity = capacity;
    return true;
}

/* Move to the first byte from *at* on that is no plain character of a text; note whether one is not ASCII. */
static const uint8_t *pass_plain(const uint8_t *at, const uint8_t *end, uint8_t *seen) {
    while (end - at >= 8) {
        uint64_t eight, ones = 0x0101010101010101u;
        memcpy(&eight, at, 8);
        uint64_t quotes = eight ^ (ones * '"'), slashes = eight ^ (ones * '\\');
        uint64_t stops = (quotes - ones) & ~quotes, slashed = (slashes - ones) & ~slashes;
        uint64_t low = (eight - ones * 0x20) & ~eight;
        if ((stops | slashed | low) & (ones * 0x80)) break;
        if (eight & (ones * 0x80)) *seen |= 0x80;
        at += 8;
    }
    for (; at < end && *at != '"' && *at != '\\' && *at >= 0x20; at++) *seen |= *at;
    return at;
}

static int hex_value(uint8_t byte) {
    if (is_digit(byte)) return byte - '0';
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Return the code unit of \u and four digits at *at*; -1 if they are not there. */
static int32_t code_unit(const uint8_t *at, const uint8_t *end) {
    if (end - at < 6 || at[0] != '\\' || at[1] != 'u') return -1;
    int32_t unit = 0;
    for (int each = 2; each < 6; each++) {
        int digit = hex_value(at[each]);
        if (digit < 0) return -1;
        unit = unit * 16 + digit;
    }
    return unit;
}

static int put_character(uint8_t *into, int32_t code) {
    if (code < 0x80) {
        into[0] = (uint8_t)code;
        return 1;
    }
    int bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int each = bytes - 1; each > 0; each--, code >>= 6) into[each] = (uint8_t)(0x80 | (code & 0x3F));
    into[0] = (uint8_t)((0xF00 >> bytes & 0xFF) | code);
    return bytes;
}

/* Write the character of the escape at *at*, and return the position behind it; NULL if there is no such escape. */
static const uint8_t *put_escape(const uint8_t *at, const uint8_t *end, buffer *into, bool *half) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    if (at[1] != 'u') {
        const char *name = at[1] ? strchr(names, at[1]) : NULL;
        if (name == NULL) return NULL;
        into->bytes[into->length++] = (uint8_t)values[name - names];
        return at + 2;
    }
    int32_t code = code_unit(at, end);
    if (code < 0) return NULL;
    at += 6;
    if (code >= 0xD800 && code <= 0xDFFF) {
        int32_t low = code < 0xDC00 ? code_unit(at, end) : -1;
        if (low < 0xDC00 || low > 0xDFFF) {
            *half = true;
            return at;
        }
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        at += 6;
    }
    into->length += put_character(into->bytes + into->length, code);
    return at;
}

static enum json_fault unescape(reader *in, const uint8_t *opening, text *found) {
    buffer *into = &in->unescaped;
    const uint8_t *at = found->bytes, *end = at + found->length;
    bool half = false;
    into->length = 0;
    if (!reserve(into, found->length)) return fail(in, opening, NO_MEMORY);
    while (at < end) {
        const uint8_t *slash = memchr(at, '\\', (size_t)(end - at));
        int64_t plain = (slash ? slash : end) - at;
        memcpy(into->bytes + into->length, at, (size_t)plain);
        into->length += plain;
        if (slash == NULL) break;
        at = put_escape(slash, end, into, &half);
        if (at == NULL) return fail(in, opening, BAD_ESCAPE);
    }
    if (half) return fail(in, opening, HALF_PAIR);
    *found = (text){into->bytes, into->length};
    return ACCEPTED;
}

enum json_fault read_text(reader *in, text *found) {
    const uint8_t *opening = in->at, *at = opening + 1;
    uint8_t seen = 0;
    bool escapes = false;
    for (;;) {
        at = pass_plain(at, in->end, &seen);
        if (at == in->end || (*at == '\\' && in->end - at < 2)) return fail(in, in->end, ENDS);
        if (*at == '"') break;
        if (*at != '\\') return fail(in, opening, CONTROL);
        escapes = true;
        seen |= at[1];
        at += 2;
    }
    *found = (text){opening + 1, at - opening - 1};
    in->at = at + 1;
    if (seen >= 0x80 && !is_utf8(found->bytes, found->length)) return fail(in, opening, NOT_UTF8);
    return escapes ? unescape(in, opening, found) : ACCEPTED;
}

enum json_fault read_literal(reader *in) {
    static const char *const literals[] = {"true", "false", "null"};
    for (int each = 0; each < 3; each++) {
        if (!begins_with(in, literals[each])) continue;
        in->at += strlen(literals[each]);
        return ACCEPTED;
    }
    return fail(in, in->at, NOT_JSON);
}

static const uint8_t *pass_digits(const uint8_t *at, const uint8_t *end) {
    while (at < end && is_digit(*at)) at++;
    return at;
}

/* The parts of a number: digits before the point and behind it, and the exponent with its sign. */
typedef struct {
    const uint8_t *whole, *whole_end, *fraction, *fraction_end, *exponent, *end;
} parts;

/* Find the exponent at *at*, if there is one. */
static void find_exponent(parts *of, const uint8_t *at, const uint8_t *end) {
    of->exponent = of->end = at;
    if (at == end || (*at | 0x20) != 'e') return;
    const uint8_t *digits = at + 1 + (end - at > 1 && (at[1] == '+' || at[1] == '-'));
    const uint8_t *after = pass_digits(digits, end);
    if (after == digits) return;
    of->exponent = at + 1;
    of->end = after;
}

static int32_t exponent_of(const parts *of) {
    bool negative = of->exponent < of->end && *of->exponent == '-';
    int32_t value = 0;
    for (const uint8_t *at = of->exponent; at < of->end; at++) {
        if (is_digit(*at)) value = value * 10 + (*at - '0');
        if (value > 100000) value = 100000;
    }
    return negative ? -value : value;
}

static void set_number(number *found, const parts *of, const uint8_t *start) {
    found->start = start;
    found->length = (int32_t)(of->end - start);
    found->negative = *start == '-';
    found->has_point = of->fraction != NULL;
    found->count = 0;
    for (const uint8_t *at = of->whole; at < of->whole_end; at++) {
        if (found->count || *at != '0') found->digits[found->count++] = *at;
    }
    for (const uint8_t *at = of->fraction; at < of->fraction_end; at++) {
        if (found->count || *at != '0') found->digits[found->count++] = *at;
    }
    found->exponent = exponent_of(of) - (int32_t)(of->fraction_end - of->fraction);
}

/* Find the parts of a number as JSON writes it; false if there is none. */
static bool find_parts(const uint8_t *at, const uint8_t *end, parts *of) {
    *of = (parts){0};
    if (at < end && *at == '-') at++;
    if (at == end || !is_digit(*at)) return false;
    of->whole = at;
    of->whole_end = at = *at == '0' ? at + 1 : pass_digits(at, end);
    if (end - at >= 2 && *at == '.' && is_digit(at[1])) {
        of->fraction = at + 1;
        of->fraction_end = at = pass_digits(at + 1, end);
    }
    find_exponent(of, at, end);
    return true;
}

enum json_fault read_number(reader *in, number *found) {
    parts of;
    const uint8_t *start = in->at;
    if (!find_parts(start, in->end, &of)) return fail(in, start, NOT_JSON);
    if (of.end - start > MAX_NUMBER) return fail(in, start, LONG_NUMBER);
    set_number(found, &of, start);
    in->at = of.end;
    return ACCEPTED;
}

enum json_fault number_of_text(reader *in, const uint8_t *at, text held, number *found) {
    parts of = {0};
    const uint8_t *start = held.bytes, *end = start + held.length;
    of.whole = start + (held.length && (*start == '-' || *start == '+'));
    const uint8_t *next = of.whole_end = pass_digits(of.whole, end);
    if (next < end && *next == '.') {
        of.fraction = next + 1;
        next = of.fraction_end = pass_digits(next + 1, end);
    }
    bool digits = of.whole_end > of.whole || of.fraction_end > of.fraction;
    find_exponent(&of, next, end);
    if (!digits || of.end != end) return fail(in, at, BAD_TEXT);
    if (held.length > MAX_NUMBER) return fail(in, at, LONG_NUMBER);
    set_number(found, &of, start);
    return ACCEPTED;
}

enum json_fault read_key(reader *in, text *key) {
    if (*in->at != '"') return fail(in, in->at, NOT_JSON);
    enum json_fault fault = read_text(in, key);
    if (fault == ACCEPTED) fault = skip_blanks(in);
    return fault == ACCEPTED ? expect(in, ':') : fault;
}

enum json_fault next_item(reader *in, uint8_t close, bool *closed) {
    enum json_fault fault = skip_blanks(in);
    if (fault != ACCEPTED) return fault;
    *closed = *in->at == close;
    if (*closed) {
        in->at++;
        return ACCEPTED;
    }
    fault = expect(in, ',');
    return fault == ACCEPTED && *in->at == close ? fail(in, in->at, NOT_JSON) : fault;
}

static enum json_fault skip_scalar(reader *in) {
    text passed;
    parts of;
    if (*in->at == '"') return read_text(in, &passed);
    if (!begins_number(in)) return read_literal(in);
    if (!find_parts(in->at, in->end, &of)) return fail(in, in->at, NOT_JSON);
    in->at = of.end;
    return ACCEPTED;
}

enum json_fault skip_value(reader *in) {
    uint8_t closing[MAX_SKIPPED];
    int open = 0;
    text passed;
    for (;;) {
        enum json_fault fault;
        uint8_t byte = *in->at;
        if (byte == '{' || byte == '[') {
            if (open == MAX_SKIPPED) return fail(in, in->at, TOO_DEEP);
            in->at++;
            fault = skip_blanks(in);
            if (fault != ACCEPTED) return fault;
            closing[open] = byte == '{' ? '}' : ']';
            if (*in->at != closing[open]) {
                open++;
                if (byte == '{' && (fault = read_key(in, &passed)) != ACCEPTED) return fault;
                continue;
            }
            in->at++;
        } else if ((fault = skip_scalar(in)) != ACCEPTED) {
            return fault;
        }
        for (;;) { /* close what is closed here */
            if (open == 0) return ACCEPTED;
            fault = skip_blanks(in);
            if (fault != ACCEPTED) return fault;
            if (*in->at == ',') break;
            if (*in->at != closing[--open]) return fail(in, in->at, NOT_JSON);
            in->at++;
        }
        in->at++;
        fault = skip_blanks(in);
        if (fault == ACCEPTED && closing[open - 1] == '}') fault = read_key(in, &passed);
        if (fault != ACCEPTED) return fault;
    }
}
