/* The Python module: an Encoder encodes the events of one program. */
#include "../constant_groups.h"
#include "machine.h"

typedef struct {
    PyObject_HEAD
    PyObject *tables[3];
    program program;
} Encoder;

static const char *const ATTRIBUTES[NAME_COUNT] = {"days",   "seconds", "microseconds", "tzinfo",    "hour",
                                                   "minute", "second",  "microsecond",  "toordinal", "int"};

static PyObject *own(PyObject *object) {
    Py_INCREF(object);
    return object;
}

/* Take what Python knows, in the order of the enum. */
static bool take_known(program *into, PyObject *known) {
    if (PyTuple_Size(known) != ENCODER_KNOWN_COUNT) return false;
    for (int each = 0; each < ENCODER_KNOWN_COUNT; each++) into->known[each] = own(PyTuple_GetItem(known, each));
    return true;
}

static bool intern_attributes(program *into) {
    into->sixty_four = PyLong_FromLong(64);
    bool good = into->sixty_four != NULL;
    for (int each = 0; good && each < NAME_COUNT; each++) {
        into->attributes[each] = PyUnicode_InternFromString(ATTRIBUTES[each]);
        good = into->attributes[each] != NULL;
    }
    return good;
}

static PyObject *encoder_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    PyObject *tables[3], *objects, *names, *known;
    int kept;
    if (!PyArg_ParseTuple(args, "SSSO!O!O!i", tables, tables + 1, tables + 2, &PyTuple_Type, &objects, &PyTuple_Type,
                          &names, &PyTuple_Type, &known, &kept)) {
        return NULL;
    }
    Encoder *self = (Encoder *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL) return NULL;
    for (int each = 0; each < 3; each++) self->tables[each] = own(tables[each]);
    self->program = (program){
        .ops = (const op *)PyBytes_AsString(tables[0]),
        .ops_length = (int32_t)(PyBytes_Size(tables[0]) / (Py_ssize_t)sizeof(op)),
        .steps = (const step *)PyBytes_AsString(tables[1]),
        .steps_length = (int32_t)(PyBytes_Size(tables[1]) / (Py_ssize_t)sizeof(step)),
        .branches = (const branch *)PyBytes_AsString(tables[2]),
        .branches_length = (int32_t)(PyBytes_Size(tables[2]) / (Py_ssize_t)sizeof(branch)),
        .objects = own(objects),
        .names = own(names),
        .kept = kept,
    };
    bool good = intern_attributes(&self->program);
    if (good && take_known(&self->program, known) && program_is_sound(&self->program)) return (PyObject *)self;
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, "invalid program");
    Py_DECREF(self);
    return NULL;
}

static void encoder_dealloc(PyObject *object) {
    program *held = &((Encoder *)object)->program;
    for (int each = 0; each < 3; each++) Py_XDECREF(((Encoder *)object)->tables[each]);
    for (int each = 0; each < ENCODER_KNOWN_COUNT; each++) Py_XDECREF(held->known[each]);
    for (int each = 0; each < NAME_COUNT; each++) Py_XDECREF(held->attributes[each]);
    Py_XDECREF(held->objects);
    Py_XDECREF(held->names);
    Py_XDECREF(held->sixty_four);
    PyTypeObject *type = Py_TYPE(object);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* Return (datum, kept values...), with ABSENT in place of a value that the event leaves out. */
static PyObject *result(machine *vm) {
    PyObject *datum = PyBytes_FromStringAndSize((const char *)vm->bytes, (Py_ssize_t)vm->length);
    PyObject *all = datum == NULL ? NULL : PyTuple_New(1 + vm->program->kept);
    if (all == NULL) {
        Py_XDECREF(datum);
        return NULL;
    }
    PyTuple_SetItem(all, 0, datum);
    for (int32_t each = 0; each < vm->program->kept; each++) {
        PyTuple_SetItem(all, 1 + each, own(vm->kept[each] ? vm->kept[each] : known(vm, ABSENT)));
    }
    return all;
}

static PyObject *encoder_encode(PyObject *object, PyObject *event) {
    machine vm;
    begin(&vm, &((Encoder *)object)->program);
    outcome got = encode_value(&vm, 0, event);
    if (got == ENCODED && vm.length > MAX_BYTES) got = UNSURE;
    PyObject *answer = got == ENCODED ? result(&vm) : got == UNSURE ? own(Py_None) : NULL;
    end(&vm);
    return answer;
}

static PyMethodDef encoder_methods[] = {
    {"encode", encoder_encode, METH_O,
     "Return the datum of an event and the values that the program keeps; None if pure Python has to decide."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot encoder_slots[] = {
    {Py_tp_new, encoder_new},
    {Py_tp_dealloc, encoder_dealloc},
    {Py_tp_methods, encoder_methods},
    {Py_tp_doc, "Encoder(ops, steps, branches, objects, names, known, kept)"},
    {0, NULL},
};

static PyType_Spec encoder_spec = {
    "headrace._encoder.Encoder", sizeof(Encoder), 0, Py_TPFLAGS_DEFAULT, encoder_slots};

static const struct entry codes[] = {ENCODER_CODES(ENTRY){NULL, 0}};
static const struct entry classes[] = {ENCODER_CLASSES(ENTRY){NULL, 0}};
static const struct entry known_objects[] = {ENCODER_KNOWN(ENTRY){NULL, 0}};
static const struct entry limits[] = {ENCODER_LIMITS(ENTRY){NULL, 0}};

static int module_exec(PyObject *module) {
    PyObject *type = PyType_FromSpec(&encoder_spec), *groups = PyDict_New();
    bool good = type != NULL && groups != NULL && add_group(groups, "codes", codes) &&
                add_group(groups, "classes", classes) && add_group(groups, "known", known_objects) &&
                add_group(groups, "limits", limits) && PyModule_AddObjectRef(module, "Encoder", type) == 0 &&
                PyModule_AddObjectRef(module, "CONSTANTS", groups) == 0;
    Py_XDECREF(type);
    Py_XDECREF(groups);
    return good ? 0 : -1;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "headrace._encoder", "Encode events as Avro data.", 0, NULL, module_slots, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__encoder(void) { return PyModuleDef_Init(&module); }
