/* The plan by which a record is read from JSON, as schemas/headrace/schemas/json_encoding/plan.py makes it. */
#ifndef HEADRACE_JSON_PLAN_H
#define HEADRACE_JSON_PLAN_H

#include <stdbool.h>
#include <stdint.h>

/* Each list of names makes an enum here, and the same enum for Python in module.c. */
#define ENUMERATOR(name) name,
#define FORM_ENUMERATOR(name) FORM_##name,

#define JSON_CODES(X) \
    X(BOOLEAN) X(WHOLE) X(DECIMAL) X(FLOAT) X(DOUBLE) X(STRING) X(BYTES) X(UUID) X(ENUM) X(DATE) X(TIME) \
    X(TIMESTAMP) X(LOCAL_TIMESTAMP) X(RECORD) X(ARRAY) X(MAP) X(UNION)
enum json_code { JSON_CODES(ENUMERATOR) JSON_CODE_COUNT };

#define JSON_FORMS(X) \
    X(NUMBER) X(SAFE_NUMBER) X(TEXT) X(UTC_TEXT) X(MIDNIGHT) X(SECONDS) X(FRACTIONAL_SECONDS) X(MILLIS) X(MICROS) \
    X(NANOS) X(DAYS) X(AVRO) X(ARRAY) X(ARRAY_MILLIS) X(BASE64) X(BASE64URL) X(HEX) X(BUFFER) X(OCTETS) X(LATIN1) \
    X(NAME) X(INDEX) X(DASHED) X(PLAIN) X(TOKEN) X(NULL) X(EMPTY) X(ZERO)
enum json_form { JSON_FORMS(FORM_ENUMERATOR) JSON_FORM_COUNT };

/* schemas/headrace/schemas/json_encoding/faults.py has the same enum. */
#define JSON_FAULTS(X) \
    X(ACCEPTED) X(ENDS) X(NOT_JSON) X(NOT_UTF8) X(CONTROL) X(BAD_ESCAPE) X(HALF_PAIR) X(BYTES_FOLLOW) X(TOO_LARGE) \
    X(TOO_DEEP) X(LONG_NUMBER) X(UNEXPECTED) X(NULL_VALUE) X(ABSENT) X(UNKNOWN_KEY) X(KEY_TWICE) X(TOO_MANY_ITEMS) \
    X(LARGE_DATUM) X(NO_BRANCH) X(BAD_TEXT) X(NOT_WHOLE) X(OUT_OF_RANGE) X(UNSAFE) X(NO_FRACTION) \
    X(TOO_MANY_DIGITS) X(TOO_FINE) X(BEYOND_FLOAT) X(TOO_SMALL) X(NO_MOMENT) X(LEAP_SECOND) X(NO_OFFSET) \
    X(HAS_OFFSET) X(NO_SYMBOL) X(WRONG_SIZE) X(LEFT_OVER) X(NOT_LATIN1) X(DECIMAL_LENGTH) X(NO_MEMORY)
enum json_fault { JSON_FAULTS(ENUMERATOR) JSON_FAULT_COUNT };

/* The limits of the transcoder in Python, too. */
enum { MAX_TEXT = 16777216, MAX_ITEMS = 100000, MAX_NUMBER = 1000, MAX_SKIPPED = 64, MAX_LEVELS = 34 };
#define JSON_LIMITS(X) X(MAX_TEXT) X(MAX_ITEMS) X(MAX_NUMBER) X(MAX_SKIPPED) X(MAX_LEVELS)

enum { NULL_FIRST = 1, NO_SIZE = -1, NO_TEXT = -1 };

#define TAKES(node, form) (((node)->forms >> FORM_##form & 1u) != 0)

/* One value, in pre-order; Node of plan.py describes what its members mean. */
typedef struct {
    int32_t code, optional;
    int32_t next; /* the node after this one and all below it */
    uint32_t forms;
    int32_t name, tag, logical_tag, absent, null; /* indexes of texts; NO_TEXT: none */
    int32_t first, count; /* the part of the names, sorted: fields of a record, symbols of an enum, keys of branches */
    int32_t power, digits, part, precision, size, ignore;
    int32_t null_place; /* of null in a union of several types; -1: it has none */
    int64_t low, high;
} node;

typedef struct {
    int32_t at, length;
} span;

/* A name, and what it names: a node, or the index of a symbol. */
typedef struct {
    int32_t text, value;
} named;

typedef struct {
    const node *nodes;
    int32_t length;
    const span *spans;
    int32_t spans_length;
    const uint8_t *bytes;
    int64_t bytes_length;
    const named *names;
    int32_t names_length;
} plan;

/* Whether every index of *checked* lies within its tables, so that no text can lead out of them. */
bool plan_is_sound(const plan *checked);

static inline const uint8_t *text_of(const plan *from, int32_t text) { return from->bytes + from->spans[text].at; }

/* Return what the name of *length* bytes means among *count* sorted names from *first* on; -1 if it is not one. */
int32_t find_name(const plan *from, int32_t first, int32_t count, const uint8_t *name, int64_t length);

#endif
