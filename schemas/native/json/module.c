/* The Python module: a Transcoder reads texts of one plan as Avro data. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>

#include "../constant_groups.h"
#include "machine.h"

typedef struct {
    PyObject_HEAD
    PyObject *tables[4];
    plan plan;
    machine machine;
} Transcoder;

static const char *text_table(PyObject *table) { return PyBytes_AsString(table); }

static PyObject *transcoder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    PyObject *tables[4];
    unsigned long long secret[2];
    if (!PyArg_ParseTuple(args, "SSSS(KK)", tables, tables + 1, tables + 2, tables + 3, secret, secret + 1)) return NULL;
    Transcoder *self = (Transcoder *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL) return NULL;
    for (int each = 0; each < 4; each++) {
        Py_INCREF(tables[each]);
        self->tables[each] = tables[each];
    }
    self->plan = (plan){
        .nodes = (const node *)text_table(tables[0]),
        .length = (int32_t)(PyBytes_Size(tables[0]) / (Py_ssize_t)sizeof(node)),
        .spans = (const span *)text_table(tables[1]),
        .spans_length = (int32_t)(PyBytes_Size(tables[1]) / (Py_ssize_t)sizeof(span)),
        .bytes = (const uint8_t *)text_table(tables[2]),
        .bytes_length = PyBytes_Size(tables[2]),
        .names = (const named *)text_table(tables[3]),
        .names_length = (int32_t)(PyBytes_Size(tables[3]) / (Py_ssize_t)sizeof(named)),
    };
    self->machine.plan = &self->plan;
    self->machine.secret[0] = secret[0];
    self->machine.secret[1] = secret[1];
    if (!plan_is_sound(&self->plan)) {
        PyErr_SetString(PyExc_ValueError, "invalid plan");
    } else if ((self->machine.slots = PyMem_Calloc((size_t)self->plan.length, sizeof(slot))) != NULL) {
        return (PyObject *)self;
    } else {
        PyErr_NoMemory();
    }
    Py_DECREF(self);
    return NULL;
}

static void transcoder_dealloc(PyObject *object) {
    Transcoder *self = (Transcoder *)object;
    machine *vm = &self->machine;
    for (int each = 0; each < 4; each++) Py_XDECREF(self->tables[each]);
    PyMem_Free(vm->slots);
    free(vm->out.bytes);
    free(vm->octets.bytes);
    free(vm->in.unescaped.bytes);
    free(vm->keys);
    free(vm->key_places);
    PyTypeObject *type = Py_TYPE(object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* Return (fault, node, offset, [index in each array around it, outermost first]). */
static PyObject *described(const machine *vm, enum json_fault fault) {
    PyObject *indexes = PyList_New(vm->depth);
    for (int32_t each = 0; indexes != NULL && each < vm->depth; each++) {
        PyObject *number = PyLong_FromLong(vm->indexes[vm->depth - 1 - each]);
        if (number == NULL || PyList_SetItem(indexes, each, number) < 0) Py_CLEAR(indexes);
    }
    if (indexes == NULL) return NULL;
    return Py_BuildValue("(iinN)", (int)fault, (int)vm->failed_node, (Py_ssize_t)(vm->in.failed_at - vm->in.start),
                         indexes);
}

static PyObject *transcoder_read(PyObject *object, PyObject *data) {
    machine *vm = &((Transcoder *)object)->machine;
    char *bytes;
    Py_ssize_t length;
    if (PyBytes_AsStringAndSize(data, &bytes, &length) < 0) return NULL;
    enum json_fault fault = transcode(vm, (const uint8_t *)bytes, length);
    if (fault == ACCEPTED) return PyBytes_FromStringAndSize((const char *)vm->out.bytes, (Py_ssize_t)vm->out.length);
    if (fault == NO_MEMORY) return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    return described(vm, fault);
}

static PyMethodDef transcoder_methods[] = {
    {"read", transcoder_read, METH_O,
     "Return the Avro datum of one JSON text, or (fault, node, offset, indexes) if it is refused."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot transcoder_slots[] = {
    {Py_tp_new, transcoder_new},
    {Py_tp_dealloc, transcoder_dealloc},
    {Py_tp_methods, transcoder_methods},
    {Py_tp_doc, "Transcoder(nodes, spans, texts, names, secret)"},
    {0, NULL},
};

static PyType_Spec transcoder_spec = {
    "headrace._json.Transcoder", sizeof(Transcoder), 0, Py_TPFLAGS_DEFAULT, transcoder_slots};

#define FORM_ENTRY(name) {#name, FORM_##name},

static const struct entry codes[] = {JSON_CODES(ENTRY){NULL, 0}};
static const struct entry forms[] = {JSON_FORMS(FORM_ENTRY){NULL, 0}};
static const struct entry faults[] = {JSON_FAULTS(ENTRY){NULL, 0}};
static const struct entry limits[] = {JSON_LIMITS(ENTRY){NULL, 0}};

static int module_exec(PyObject *module) {
    PyObject *type = PyType_FromSpec(&transcoder_spec), *groups = PyDict_New();
    bool good = type != NULL && groups != NULL && add_group(groups, "codes", codes) &&
                add_group(groups, "forms", forms) && add_group(groups, "faults", faults) &&
                add_group(groups, "limits", limits) && PyModule_AddObjectRef(module, "Transcoder", type) == 0 &&
                PyModule_AddObjectRef(module, "CONSTANTS", groups) == 0;
    Py_XDECREF(type);
    Py_XDECREF(groups);
    return good ? 0 : -1;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "headrace._json", "Read JSON as Avro data.", 0, NULL, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__json(void) { return PyModuleDef_Init(&module); }
