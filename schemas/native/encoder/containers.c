/* Records, lists, maps and unions. Nothing of Python runs while a dict is read, so each is read in one moment. */
#include "machine.h"

/* Return the number of a record's field, or of a branch, by its *name*, which is an exact str; -1 for another name. */
static int32_t number_of(const machine *vm, const op *of, PyObject *name) {
    PyObject *numbers = PyTuple_GetItem(vm->program->objects, of->a);
    PyObject *found = PyDict_GetItemWithError(numbers, name);
    if (found == NULL) PyErr_Clear();
    long number = found == NULL ? -1 : PyLong_AsLong(found);
    return number >= 0 && number < of->count ? (int32_t)number : -1;
}

/* Hold the values of a dict in the slots from *base* on. Most dicts have their names in the order of the contract. */
static outcome hold_dict(machine *vm, const op *record, PyObject *value, Py_ssize_t base) {
    const step *steps = vm->program->steps + record->first;
    PyObject *name, *held;
    Py_ssize_t at = 0;
    int32_t next = 0;
    if (PyDict_Size(value) > record->b) return UNSURE;
    while (PyDict_Next(value, &at, &name, &held)) {
        while (next < record->count && steps[next].op == NONE) next++;
        if (next == record->count || name != PyTuple_GetItem(vm->program->names, record->first + next)) {
            if (!PyUnicode_CheckExact(name) || (next = number_of(vm, record, name)) < 0) return UNSURE;
        }
        PyObject **slot = vm->slots + base + steps[next++].slot;
        if (*slot != NULL) return UNSURE;
        Py_INCREF(held);
        *slot = held;
    }
    return ENCODED;
}

static outcome hold_attribute(machine *vm, const op *record, PyObject *value, PyObject *pair, Py_ssize_t base) {
    int32_t number = number_of(vm, record, PyTuple_GetItem(pair, 1));
    Py_ssize_t slot = number < 0 ? -1 : base + vm->program->steps[record->first + number].slot;
    if (slot < 0 || vm->slots[slot] != NULL) return UNSURE;
    PyObject *held = PyObject_GetAttr(value, PyTuple_GetItem(pair, 0));
    vm->slots[slot] = held;
    return held == NULL ? after_exception() : ENCODED;
}

/* Hold the attributes of an instance of a dataclass; only here a caller's code may run. */
static outcome hold_instance(machine *vm, const op *record, PyObject *value, Py_ssize_t base) {
    PyObject *pairs = PyObject_CallFunctionObjArgs(known(vm, CLASS_FIELDS), (PyObject *)Py_TYPE(value), NULL);
    if (pairs == NULL) return after_exception();
    Py_ssize_t count = PyTuple_Size(pairs);
    outcome got = count > 0 && count <= record->b ? ENCODED : UNSURE;
    for (Py_ssize_t each = 0; got == ENCODED && each < count; each++) {
        got = hold_attribute(vm, record, value, PyTuple_GetItem(pairs, each), base);
    }
    Py_DECREF(pairs);
    return got;
}

static outcome encode_constant(machine *vm, int32_t constant) {
    if (constant == NONE) return UNSURE;
    PyObject *bytes = PyTuple_GetItem(vm->program->objects, constant);
    return put_bytes(vm, PyBytes_AsString(bytes), PyBytes_Size(bytes));
}

static outcome encode_field(machine *vm, const step *field, Py_ssize_t base) {
    PyObject *value = field->op == NONE ? NULL : vm->slots[base + field->slot];
    if (value == NULL) return encode_constant(vm, field->constant);
    if (field->kept != NONE && vm->level == 0) {
        Py_INCREF(value);
        Py_XDECREF(vm->kept[field->kept]);
        vm->kept[field->kept] = value;
    }
    outcome got = field->single ? put_byte(vm, 0) : ENCODED;
    return got == ENCODED ? encode_value(vm, field->op, value) : got;
}

static outcome encode_record(machine *vm, const op *record, PyObject *value) {
    Py_ssize_t base = push_slots(vm, record->b);
    if (base < 0) return RAISED;
    bool is_dict = PyDict_CheckExact(value);
    outcome got = is_dict ? hold_dict(vm, record, value, base) : hold_instance(vm, record, value, base);
    for (int32_t each = record->first; got == ENCODED && each < record->first + record->count; each++) {
        got = encode_field(vm, vm->program->steps + each, base);
    }
    pop_slots(vm, base);
    return got;
}

static outcome encode_items(machine *vm, const op *list, PyObject *value) {
    bool is_list = PyList_CheckExact(value);
    if (!is_list && !PyTuple_CheckExact(value)) return UNSURE;
    Py_ssize_t count = is_list ? PyList_Size(value) : PyTuple_Size(value);
    if (count > MAX_ITEMS) return UNSURE;
    outcome got = count ? put_long(vm, count) : ENCODED;
    for (Py_ssize_t each = 0; got == ENCODED && each < count; each++) {
        if (is_list && PyList_Size(value) != count) return UNSURE; /* another thread changed it */
        PyObject *item = is_list ? PyList_GetItem(value, each) : PyTuple_GetItem(value, each);
        Py_INCREF(item);
        if (list->b) got = put_byte(vm, 0);
        if (got == ENCODED) got = encode_value(vm, list->a, item);
        Py_DECREF(item);
    }
    return got == ENCODED ? put_byte(vm, 0) : got;
}

static outcome encode_entry(machine *vm, const op *map, PyObject *key, PyObject *value) {
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(key, &length);
    if (text == NULL) return after_exception();
    outcome got = put_text(vm, text, length);
    if (got == ENCODED && map->b) got = put_byte(vm, 0);
    return got == ENCODED ? encode_value(vm, map->a, value) : got;
}

static outcome encode_map(machine *vm, const op *map, PyObject *value) {
    if (!PyDict_CheckExact(value)) return UNSURE;
    Py_ssize_t count = PyDict_Size(value), at = 0;
    if (count > MAX_ITEMS) return UNSURE;
    Py_ssize_t base = push_slots(vm, 2 * count), slot = base;
    if (base < 0) return RAISED;
    PyObject *key, *held;
    outcome got = count ? put_long(vm, count) : ENCODED;
    while (got == ENCODED && PyDict_Next(value, &at, &key, &held)) {
        if (!PyUnicode_CheckExact(key)) got = UNSURE;
        Py_INCREF(key);
        Py_INCREF(held);
        vm->slots[slot++] = key;
        vm->slots[slot++] = held;
    }
    for (Py_ssize_t each = 0; got == ENCODED && each < count; each++) {
        got = encode_entry(vm, map, vm->slots[base + 2 * each], vm->slots[base + 2 * each + 1]);
    }
    pop_slots(vm, base);
    return got == ENCODED ? put_byte(vm, 0) : got;
}

static enum encoder_class class_of(const machine *vm, PyObject *value) {
    if (PyUnicode_CheckExact(value)) return OF_STR;
    if (PyLong_CheckExact(value)) return OF_INT;
    if (PyFloat_CheckExact(value)) return OF_FLOAT;
    if (PyBool_Check(value)) return OF_BOOL;
    if (PyBytes_CheckExact(value)) return OF_BYTES;
    if (PyList_CheckExact(value) || PyTuple_CheckExact(value)) return OF_LIST;
    if (is_exactly(vm, value, DATETIME_TYPE)) return OF_DATETIME;
    if (is_exactly(vm, value, DATE_TYPE)) return OF_DATE;
    if (is_exactly(vm, value, TIME_TYPE)) return OF_TIME;
    if (is_exactly(vm, value, DECIMAL_TYPE)) return OF_DECIMAL;
    return is_exactly(vm, value, UUID_TYPE) ? OF_UUID : OTHER;
}

static outcome encode_branch(machine *vm, const branch *as, PyObject *value) {
    outcome got = put_long(vm, as->index);
    return got == ENCODED ? encode_value(vm, as->op, value) : got;
}

/* Encode a value that names its branch: {name: value}. */
static outcome encode_tagged(machine *vm, const op *of, PyObject *value) {
    PyObject *name, *held;
    Py_ssize_t at = 0;
    if (PyDict_Size(value) != 1 || !PyDict_Next(value, &at, &name, &held) || !PyUnicode_CheckExact(name)) return UNSURE;
    int32_t number = number_of(vm, of, name);
    if (number < 0) return UNSURE;
    Py_INCREF(held);
    outcome got = encode_branch(vm, vm->program->branches + of->first + number, held);
    Py_DECREF(held);
    return got;
}

/* Encode an instance of a dataclass, whose class names the branch. */
static outcome encode_instance(machine *vm, const op *of, PyObject *value) {
    PyObject *name = PyObject_CallFunctionObjArgs(known(vm, CLASS_BRANCH), (PyObject *)Py_TYPE(value), NULL);
    if (name == NULL) return after_exception();
    int32_t number = PyUnicode_CheckExact(name) ? number_of(vm, of, name) : -1;
    Py_DECREF(name);
    return number < 0 ? UNSURE : encode_branch(vm, vm->program->branches + of->first + number, value);
}

static outcome encode_union(machine *vm, const op *of, PyObject *value) {
    if (value == Py_None) return of->b == NONE ? UNSURE : put_long(vm, of->b);
    if (PyDict_CheckExact(value)) return encode_tagged(vm, of, value);
    enum encoder_class class = class_of(vm, value);
    if (class == OTHER) return encode_instance(vm, of, value);
    const branch *fitting = NULL;
    for (int32_t each = of->first; each < of->first + of->count; each++) {
        const branch *one = vm->program->branches + each;
        if (!(one->classes >> class & 1)) continue;
        if (fitting != NULL) return UNSURE; /* whether the value fits both is for pure Python */
        fitting = one;
    }
    return fitting == NULL ? UNSURE : encode_branch(vm, fitting, value);
}

static outcome encode_container(machine *vm, const op *as, PyObject *value);

/* Encode the record that is around the value; whether null is beside it is said by *as*, not by the record. */
static outcome encode_recursive(machine *vm, const op *as, PyObject *value) {
    if (vm->level == as->b) return UNSURE;
    vm->level++;
    outcome got = encode_container(vm, vm->program->ops + as->a, value);
    vm->level--;
    return got;
}

static outcome encode_container(machine *vm, const op *as, PyObject *value) {
    if (vm->calls == MAX_CALLS) return UNSURE;
    vm->calls++;
    outcome got;
    switch (as->code) {
        case RECORD: got = encode_record(vm, as, value); break;
        case ARRAY: got = encode_items(vm, as, value); break;
        case MAP: got = encode_map(vm, as, value); break;
        case UNION: got = encode_union(vm, as, value); break;
        default: got = encode_recursive(vm, as, value); break;
    }
    vm->calls--;
    return got;
}

outcome encode_value(machine *vm, int32_t place, PyObject *value) {
    const op *as = vm->program->ops + place;
    if (as->optional != NOT_OPTIONAL) {
        outcome got = put_byte(vm, (value == Py_None) == (as->optional == NULL_FIRST) ? 0 : 2);
        if (got != ENCODED || value == Py_None) return got;
    }
    return as->code < RECORD ? encode_scalar(vm, as, value) : encode_container(vm, as, value);
}
