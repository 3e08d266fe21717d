#include "machine.h"

#include <stdlib.h>

void begin(machine *vm, const program *of) {
    vm->program = of;
    vm->bytes = vm->inline_bytes;
    vm->length = 0;
    vm->capacity = INLINE_BYTES;
    vm->slots = vm->inline_slots;
    vm->top = 0;
    vm->slots_capacity = INLINE_SLOTS;
    vm->level = vm->calls = 0;
    for (int32_t each = 0; each < of->kept; each++) vm->kept[each] = NULL;
}

void end(machine *vm) {
    pop_slots(vm, 0);
    for (int32_t each = 0; each < vm->program->kept; each++) Py_CLEAR(vm->kept[each]);
    if (vm->bytes != vm->inline_bytes) free(vm->bytes);
    if (vm->slots != vm->inline_slots) free(vm->slots);
}

/* Return *count* with room for as many again; an event beyond its limit is not for this encoder. */
outcome grow(machine *vm, int64_t count) {
    if (count > MAX_BYTES - vm->length + 10) return UNSURE; /* 10: put_long reserves more than it may need */
    int64_t capacity = (vm->length + count) * 2;
    uint8_t *old = vm->bytes == vm->inline_bytes ? NULL : vm->bytes, *grown = realloc(old, (size_t)capacity);
    if (grown == NULL) {
        PyErr_NoMemory();
        return RAISED;
    }
    if (old == NULL) memcpy(grown, vm->inline_bytes, (size_t)vm->length);
    vm->bytes = grown;
    vm->capacity = capacity;
    return ENCODED;
}

Py_ssize_t push_slots(machine *vm, Py_ssize_t count) {
    Py_ssize_t base = vm->top;
    if (count > vm->slots_capacity - base) {
        Py_ssize_t capacity = (base + count) * 2;
        PyObject **old = vm->slots == vm->inline_slots ? NULL : vm->slots;
        PyObject **grown = realloc(old, (size_t)capacity * sizeof(PyObject *));
        if (grown == NULL) {
            PyErr_NoMemory();
            return -1;
        }
        if (old == NULL) memcpy(grown, vm->inline_slots, (size_t)base * sizeof(PyObject *));
        vm->slots = grown;
        vm->slots_capacity = capacity;
    }
    for (Py_ssize_t each = base; each < base + count; each++) vm->slots[each] = NULL;
    vm->top = base + count;
    return base;
}

void pop_slots(machine *vm, Py_ssize_t base) {
    while (vm->top > base) {
        PyObject *held = vm->slots[--vm->top];
        Py_XDECREF(held);
    }
}

outcome after_exception(void) {
    if (!PyErr_ExceptionMatches(PyExc_Exception) || PyErr_ExceptionMatches(PyExc_MemoryError)) return RAISED;
    PyErr_Clear();
    return UNSURE;
}
