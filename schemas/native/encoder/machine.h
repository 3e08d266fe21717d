/* The state of encoding one event. It lies on the stack of its call, so that calls may run side by side. */
#ifndef HEADRACE_ENCODER_MACHINE_H
#define HEADRACE_ENCODER_MACHINE_H

#include <string.h>

#include "program.h"

/* UNSURE: pure Python decides about the event, and makes the error. RAISED: an exception that ends the call is set. */
typedef enum { ENCODED, UNSURE, RAISED } outcome;

enum { INLINE_BYTES = 2048, INLINE_SLOTS = 96 };

typedef struct {
    const program *program;
    uint8_t *bytes;
    int64_t length, capacity;
    PyObject **slots; /* the values of the records and maps that are being encoded; each is a reference of its own */
    Py_ssize_t top, slots_capacity;
    PyObject *kept[MAX_KEPT];
    int32_t level; /* of records within themselves */
    int32_t calls;
    uint8_t inline_bytes[INLINE_BYTES];
    PyObject *inline_slots[INLINE_SLOTS];
} machine;

void begin(machine *vm, const program *of);
void end(machine *vm);

/* Encode *value*, of which the caller has a reference, as the op at *place*. */
outcome encode_value(machine *vm, int32_t place, PyObject *value);
outcome encode_scalar(machine *vm, const op *as, PyObject *value);
outcome encode_decimal(machine *vm, const op *as, PyObject *value);

/* Make room for *count* slots, set to NULL, and return the index of the first one; -1 with an exception. */
Py_ssize_t push_slots(machine *vm, Py_ssize_t count);
/* Release the slots from *base* on. */
void pop_slots(machine *vm, Py_ssize_t base);

/* Clear an exception that a value's own code raised: pure Python meets it again. Others end the call. */
outcome after_exception(void);
outcome grow(machine *vm, int64_t count);

/* Make room for *count* bytes. */
static inline outcome reserve(machine *vm, int64_t count) {
    return count <= vm->capacity - vm->length ? ENCODED : grow(vm, count);
}

static inline outcome put_bytes(machine *vm, const void *bytes, int64_t count) {
    outcome got = reserve(vm, count);
    if (got != ENCODED) return got;
    memcpy(vm->bytes + vm->length, bytes, (size_t)count);
    vm->length += count;
    return ENCODED;
}

static inline outcome put_byte(machine *vm, uint8_t byte) {
    outcome got = reserve(vm, 1);
    if (got == ENCODED) vm->bytes[vm->length++] = byte;
    return got;
}

static inline outcome put_long(machine *vm, int64_t value) {
    outcome got = reserve(vm, 10);
    if (got != ENCODED) return got;
    uint64_t rest = (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
    uint8_t *at = vm->bytes + vm->length;
    for (; rest >= 0x80; rest >>= 7) *at++ = (uint8_t)(rest | 0x80);
    *at++ = (uint8_t)rest;
    vm->length = at - vm->bytes;
    return ENCODED;
}

static inline outcome put_text(machine *vm, const void *bytes, int64_t count) {
    outcome got = put_long(vm, count);
    return got == ENCODED ? put_bytes(vm, bytes, count) : got;
}

static inline PyObject *known(const machine *vm, enum encoder_known which) { return vm->program->known[which]; }

static inline bool is_exactly(const machine *vm, PyObject *value, enum encoder_known type) {
    return (PyObject *)Py_TYPE(value) == known(vm, type);
}

#endif
