/* A program compiled for one writer and one reader, and the machine that runs it on each message. */
#ifndef HEADRACE_DECODE_H
#define HEADRACE_DECODE_H

#include "column.h"
#include "text.h"

/* The limits of the strict decoder in Python, too: schemas/headrace/schemas/shared_constants.py compares them. */
enum { MAX_DEPTH = 32, MAX_ITEMS = 100000, MAX_PAYLOAD = 16777216, MAX_WIDTH = 16777216 };
enum { MAX_OPEN = 3 * MAX_DEPTH }; /* arrays, maps, unions and members around one value */
#define LIMITS(X) X(MAX_DEPTH) X(MAX_ITEMS) X(MAX_PAYLOAD) X(MAX_WIDTH)

/* What one instruction does; as in schemas/headrace/schemas/program.py, which says what *a* and *b* are. */
#define OPCODES(X) \
    X(BOOLEAN) X(NUMBER) X(FLOAT) X(DOUBLE) X(STRING) X(BYTES) X(UUID) X(FIXED) X(ENUM) X(DECIMAL) X(RECORD) \
    X(ARRAY) X(MAP) X(DEFAULT) X(CHOICE) X(MEMBER) X(IS_NULL) X(JSON) X(SUBTREE)
enum code { OPCODES(ENUMERATOR) OPCODE_COUNT };

/* The form of a union: null and a type, a type and null, or a type alone. */
enum { NULL_FIRST = 1, NULL_SECOND = 2, NO_NULL = 3 };

/* In place of the instruction of a union's branch; as in schemas/headrace/schemas/program.py. */
enum { NULL_BRANCH = -1, UNREADABLE_BRANCH = -2 };

typedef struct {
    int32_t code;
    int32_t form;     /* 0 if the value is in no union, else NULL_FIRST, NULL_SECOND or NO_NULL */
    int32_t column;   /* -1: skip the value */
    int32_t next;     /* the instruction after this one, its items and its fields */
    int32_t a, b;
} instruction;

/* Instructions refer to *numbers*, *symbols* (pairs of position and length in *texts*) and *texts*. */
typedef struct {
    const instruction *code;
    int32_t length;
    const int64_t *numbers;
    int64_t numbers_length;
    const int32_t *symbols;
    int64_t symbols_length;
    const uint8_t *texts;
    int64_t texts_length;
    int64_t readers_length; /* of records within themselves; the machine's owner has them */
    int32_t datum;          /* 1: it is known where the datum begins, whatever the first bytes are */
    int32_t header;         /* bytes before the datum */
} program;

/* The state of a decoder, reused for each message. */
typedef struct {
    const program *program;
    column *columns;
    int32_t skip; /* -1: values are skipped, 0: they are appended */
    uint64_t secret[2];
    /* Whether a text is JSON: ACCEPTED, NOT_JSON or RAISED; *owner* is its first argument. */
    enum status (*check_json)(void *owner, const uint8_t *text, int64_t length);
    /* Read a record within itself at in->at with a reader: append its text to *to* unless that is NULL, move in->at, and
     * set the length of the text. Or return BAD_SUBTREE or RAISED. */
    enum status (*read_subtree)(void *owner, int32_t number, reader *in, column *to, int64_t *length);
    void *owner;
    key *keys; /* of the open maps, the innermost last */
    int64_t keys_length, keys_capacity;
    reader in;
    int64_t width; /* bytes that items take in columns */
    /* The position of a refusal: instruction, byte, and the index in each array or map around it, innermost first. */
    int32_t failed_at;
    int64_t offset;
    int32_t indexes[MAX_OPEN], depth;
} machine;

/* Whether *checked* stays within its tables and fills each of *columns* once, so that no message can break out of them.
 * Overwrites the lengths of the columns, which cannot be used afterwards. */
bool program_is_sound(const program *checked, column *columns);

/* Append one message to the columns, completely or not at all. */
enum status decode_message(machine *vm, const uint8_t *message, int64_t length);

#endif
