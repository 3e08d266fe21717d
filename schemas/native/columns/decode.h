/* A compiled pair of writer and reader, and the machine that runs it over one message after the other. */
#ifndef HEADRACE_DECODE_H
#define HEADRACE_DECODE_H

#include "column.h"
#include "text.h"

enum { MAX_DEPTH = 32, MAX_ITEMS = 100000, MAX_PAYLOAD = 1048576, MAX_WIDTH = 16777216 };

/* What one instruction does; as in schemas/headrace/schemas/program.py, which says what *a* and *b* are. */
enum code {
    BOOLEAN,
    NUMBER,
    FLOAT,
    DOUBLE,
    STRING,
    BYTES,
    UUID,
    FIXED,
    ENUM,
    DECIMAL,
    RECORD,
    ARRAY,
    MAP,
    DEFAULT,
    CODES
};

enum { NULL_FIRST = 1, NULL_SECOND = 2 };

typedef struct {
    int32_t code;
    int32_t optional; /* 0, NULL_FIRST or NULL_SECOND */
    int32_t column;   /* -1: read over */
    int32_t next;     /* the instruction after this one and its items or fields */
    int32_t a, b;
} instruction;

/* *numbers*, *symbols* (pairs of place and length in *texts*) and *texts* are what instructions refer to. */
typedef struct {
    const instruction *code;
    int32_t length;
    const int64_t *numbers;
    int64_t numbers_length;
    const int32_t *symbols;
    int64_t symbols_length;
    const uint8_t *texts;
    int64_t texts_length;
    int32_t datum; /* 1: a message has no header, whatever it begins with */
} program;

/* What is used again from message to message. */
typedef struct {
    const program *program;
    column *columns;
    int32_t over; /* -1: all is read over, 0: it is appended */
    uint64_t secret[2];
    key *keys; /* of the maps that are open, the innermost last */
    int64_t keys_length, keys_capacity;
    reader from;
    int64_t width; /* bytes that items have taken in columns */
    /* Where a refusal is: an instruction, a byte, and the index in each array or map around it, innermost first. */
    int32_t guilty;
    int64_t offset;
    int32_t indexes[MAX_DEPTH], depth;
} machine;

/* Whether *checked* stays within its tables and fills each of *columns* once, so that no message can make it leave them.
 * Marks the columns' lengths: they are good for nothing else afterwards. */
bool program_is_sound(const program *checked, column *columns);

/* Append one message to the columns: all of it, or nothing. */
enum reason decode_message(machine *by, const uint8_t *message, int64_t length);

#endif
