/* Strict reader of JSON's tokens, as schemas/headrace/schemas/json_encoding/tokens.py is. */
#ifndef HEADRACE_JSON_TOKENS_H
#define HEADRACE_JSON_TOKENS_H

#include <string.h>

#include "plan.h"

/* Bytes that grow. */
typedef struct {
    uint8_t *bytes;
    int64_t length, capacity;
} buffer;

/* One text, the position in it, and the position of its fault. */
typedef struct {
    const uint8_t *start, *at, *end;
    const uint8_t *failed_at;
    buffer unescaped; /* the last text that has escapes */
} reader;

/* The contents of a text without escapes, valid until the next one is read. */
typedef struct {
    const uint8_t *bytes;
    int64_t length;
} text;

/* A number: its digits without leading zeros, and the exponent of ten of the last one. */
typedef struct {
    const uint8_t *start;
    int32_t length; /* characters */
    int32_t count;  /* digits */
    int32_t exponent;
    bool negative, has_point;
    uint8_t digits[MAX_NUMBER];
} number;

bool grow(buffer *into, int64_t more);

static inline bool reserve(buffer *into, int64_t more) {
    return into->length + more <= into->capacity || grow(into, more);
}

static inline enum json_fault fail(reader *in, const uint8_t *at, enum json_fault fault) {
    in->failed_at = at;
    return fault;
}

static inline bool is_blank(uint8_t byte) { return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r'; }
static inline bool is_digit(uint8_t byte) { return byte >= '0' && byte <= '9'; }

static inline void pass_blanks(reader *in) {
    while (in->at < in->end && is_blank(*in->at)) in->at++;
}

/* Move to the next byte that is not blank. */
static inline enum json_fault skip_blanks(reader *in) {
    pass_blanks(in);
    return in->at == in->end ? fail(in, in->end, ENDS) : ACCEPTED;
}

/* Read *byte* and the blanks behind it. */
static inline enum json_fault expect(reader *in, uint8_t byte) {
    if (*in->at != byte) return fail(in, in->at, NOT_JSON);
    in->at++;
    return skip_blanks(in);
}

static inline bool begins_number(const reader *in) { return is_digit(*in->at) || *in->at == '-'; }

static inline bool begins_with(const reader *in, const char *word) {
    size_t length = strlen(word);
    return (size_t)(in->end - in->at) >= length && memcmp(in->at, word, length) == 0;
}

enum json_fault read_text(reader *in, text *found);
enum json_fault read_literal(reader *in);
enum json_fault read_number(reader *in, number *found);

/* Read the number that a text at *at* holds; BAD_TEXT if it holds none. */
enum json_fault number_of_text(reader *in, const uint8_t *at, text held, number *found);

/* Read a key and the colon behind it. */
enum json_fault read_key(reader *in, text *key);

/* Move behind the closing byte, or to what follows a comma. */
enum json_fault next_item(reader *in, uint8_t close, bool *closed);

enum json_fault skip_value(reader *in);

#endif
