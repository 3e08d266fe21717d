/* The program by which an event is encoded, as schemas/headrace/schemas/event_encoding/compile_program.py makes it. */
#ifndef HEADRACE_ENCODER_PROGRAM_H
#define HEADRACE_ENCODER_PROGRAM_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>
#include <stdint.h>

/* Each list of names makes an enum here, and the same enum for Python in module.c. */
#define ENUMERATOR(name) name,

#define ENCODER_CODES(X) \
    X(BOOLEAN) X(INT) X(LONG) X(FLOAT) X(DOUBLE) X(STRING) X(BYTES) X(UUID) X(JSON) X(DATE) X(TIME_MILLIS) \
    X(TIME_MICROS) X(TIMESTAMP_MILLIS) X(TIMESTAMP_MICROS) X(LOCAL_TIMESTAMP_MILLIS) X(LOCAL_TIMESTAMP_MICROS) \
    X(FIXED) X(ENUM) X(DECIMAL) X(RECORD) X(ARRAY) X(MAP) X(UNION) X(RECURSIVE)
enum encoder_code { ENCODER_CODES(ENUMERATOR) ENCODER_CODE_COUNT };

/* Classes of Python whose exact instances show the branch of a union, as bits; OTHER has every other class. */
#define ENCODER_CLASSES(X) \
    X(OF_BOOL) X(OF_INT) X(OF_FLOAT) X(OF_STR) X(OF_BYTES) X(OF_DATE) X(OF_TIME) X(OF_DATETIME) X(OF_DECIMAL) \
    X(OF_UUID) X(OF_LIST)
enum encoder_class { ENCODER_CLASSES(ENUMERATOR) OTHER };

/* What Python gives the encoder beside the tables; the order of the tuple `known`. */
#define ENCODER_KNOWN(X) \
    X(DATETIME_TYPE) X(DATE_TYPE) X(TIME_TYPE) X(TIMEZONE_TYPE) X(DECIMAL_TYPE) X(UUID_TYPE) X(ZONEINFO_TYPE) \
    X(UTC_ZONE) X(UTC_EPOCH) X(LOCAL_EPOCH) X(JSON_FAULT) X(CLASS_FIELDS) X(CLASS_BRANCH) X(ABSENT)
enum encoder_known { ENCODER_KNOWN(ENUMERATOR) ENCODER_KNOWN_COUNT };

enum { MAX_BYTES = 16777216, MAX_ITEMS = 100000, MAX_CALLS = 200, MAX_KEPT = 64, MAX_PRECISION = 76 };
#define ENCODER_LIMITS(X) X(MAX_BYTES) X(MAX_ITEMS) X(MAX_CALLS) X(MAX_KEPT) X(MAX_PRECISION)

enum { NOT_OPTIONAL, NULL_FIRST, NULL_LAST, NONE = -1 };

/* One type. *first* and *count*: the steps of a record, the branches of a union; a decimal has its size in *first*. */
typedef struct {
    int32_t code, optional;
    int32_t first, count;
    int32_t a; /* RECORD, ENUM, UNION: its dict of numbers by name; ARRAY, MAP: items; RECURSIVE: record; or a number */
    int32_t b; /* RECORD: fields that have a value; ARRAY, MAP: single; UNION: index of null; RECURSIVE: levels */
} op;

/* One field as it is written; a field without a column has no op. The object of the same index is its name. */
typedef struct {
    int32_t op;
    int32_t constant; /* index of the bytes of an absent field */
    int32_t single;   /* whether the value is written as a union of its type alone */
    int32_t kept;     /* place of the value in the result */
    int32_t slot;     /* the number of fields with a value before this one */
} step;

typedef struct {
    int32_t op;
    int32_t index;   /* as written */
    int32_t classes; /* bits of the classes whose values it may take */
} branch;

enum { DAYS_NAME, SECONDS_NAME, MICROSECONDS_NAME, TZINFO_NAME, HOUR_NAME, MINUTE_NAME, SECOND_NAME, MICROSECOND_NAME,
       TOORDINAL_NAME, INT_NAME, NAME_COUNT };

typedef struct {
    const op *ops;
    int32_t ops_length;
    const step *steps;
    int32_t steps_length;
    const branch *branches;
    int32_t branches_length;
    PyObject *objects; /* tuple of bytes and dicts */
    PyObject *names;   /* tuple of the names of steps */
    PyObject *known[ENCODER_KNOWN_COUNT];
    PyObject *attributes[NAME_COUNT];
    PyObject *sixty_four;
    int32_t kept;
} program;

/* Whether every index of *checked* lies within its tables, and every object has its type. */
bool program_is_sound(const program *checked);

#endif
