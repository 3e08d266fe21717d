/* The Python module: a Program is compiled once; Columns decode messages into one Arrow array. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdlib.h>
#include <structmember.h>

#include "arrow.h"
#include "constants.h"
#include "content.h"
#include "decode.h"

typedef struct {
    PyObject_HEAD
    PyObject *layout; /* bytes: the layout of its columns */
    PyObject *tables[4];
    PyObject *readers; /* of records within themselves: a tuple of functions */
    program program;
} Program;

typedef struct {
    PyObject_HEAD
    PyObject *layout;
    int32_t count;
    PyObject *is_json; /* called with a text */
    PyObject *message; /* the one that is being read, and its program: borrowed */
    const Program *compiled;
    column *columns;
    machine machine;
} Columns;

static PyObject *program_type;

/* Read *layout*, three int32 for each column: its layout, whether it is nullable, and its span. */
static bool read_layout(PyObject *layout, column **columns, int32_t *count) {
    const int32_t *numbers = (const int32_t *)PyBytes_AsString(layout);
    if (numbers == NULL) return false;
    *count = (int32_t)(PyBytes_Size(layout) / 12);
    *columns = PyMem_Calloc((size_t)*count + 1, sizeof **columns);
    if (*columns == NULL) return false;
    bool good = *count > 0;
    for (int32_t each = 0; each < *count; each++, numbers += 3) {
        (*columns)[each] = (column){.layout = numbers[0], .nullable = numbers[1], .span = numbers[2]};
        bool lists = numbers[0] == LIST, holds = lists || numbers[0] == STRUCT;
        good = good && numbers[0] >= 0 && numbers[0] < LAYOUT_COUNT && numbers[2] > 0 && numbers[2] <= *count - each &&
               (holds ? numbers[2] > 1 : numbers[2] == 1) && (!lists || numbers[5] == numbers[2] - 1);
    }
    if (!good) PyErr_SetString(PyExc_ValueError, "invalid layout");
    return good;
}

static PyObject *program_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    PyObject *layout, *tables[4], *readers = NULL;
    int datum = 0, header = 0;
    if (!PyArg_ParseTuple(args, "SSSSS|piO!", &layout, tables, tables + 1, tables + 2, tables + 3, &datum, &header,
                          &PyTuple_Type, &readers)) {
        return NULL;
    }
    Program *self = (Program *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL) return NULL;
    Py_INCREF(layout);
    self->layout = layout;
    for (int each = 0; each < 4; each++) {
        Py_INCREF(tables[each]);
        self->tables[each] = tables[each];
    }
    Py_XINCREF(readers);
    self->readers = readers;
    self->program = (program){
        .code = (const instruction *)PyBytes_AsString(tables[0]),
        .length = (int32_t)(PyBytes_Size(tables[0]) / (Py_ssize_t)sizeof(instruction)),
        .numbers = (const int64_t *)PyBytes_AsString(tables[1]),
        .numbers_length = PyBytes_Size(tables[1]) / 8,
        .symbols = (const int32_t *)PyBytes_AsString(tables[2]),
        .symbols_length = PyBytes_Size(tables[2]) / 4,
        .texts = (const uint8_t *)PyBytes_AsString(tables[3]),
        .texts_length = PyBytes_Size(tables[3]),
        .readers_length = readers == NULL ? 0 : PyTuple_Size(readers),
        .datum = datum,
        .header = header,
    };
    column *columns = NULL;
    int32_t count = 0;
    bool sound = read_layout(layout, &columns, &count);
    if (sound && (header < 0 || !program_is_sound(&self->program, columns))) {
        PyErr_SetString(PyExc_ValueError, "invalid program");
        sound = false;
    }
    PyMem_Free(columns);
    if (sound) return (PyObject *)self;
    if (!PyErr_Occurred()) PyErr_NoMemory();
    Py_DECREF(self);
    return NULL;
}

static void free_object(PyObject *self) {
    PyTypeObject *type = Py_TYPE(self);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
    Py_DECREF(type);
}

static void program_dealloc(PyObject *object) {
    Program *self = (Program *)object;
    Py_XDECREF(self->layout);
    Py_XDECREF(self->readers);
    for (int each = 0; each < 4; each++) Py_XDECREF(self->tables[each]);
    free_object(object);
}

/* Call *is_json* of the Columns *owner* with a text. */
static enum status check_json(void *owner, const uint8_t *text, int64_t length) {
    PyObject *answer = PyObject_CallFunction(((Columns *)owner)->is_json, "y#", (const char *)text, (Py_ssize_t)length);
    int is_json = answer == NULL ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return is_json < 0 ? RAISED : is_json ? ACCEPTED : NOT_JSON;
}

/* Call a reader of the program with the message and the position of a record within itself. */
static enum status read_subtree(void *owner, int32_t number, reader *in, column *to, int64_t *length) {
    const Columns *self = owner;
    const uint8_t *begin = (const uint8_t *)PyBytes_AsString(self->message);
    if (in->start != begin) return BAD_SUBTREE; /* these are the bytes of a default, which never has such a value */
    PyObject *function = PyTuple_GetItem(self->compiled->readers, number);
    PyObject *answer = PyObject_CallFunction(function, "On", self->message, (Py_ssize_t)(in->at - begin));
    char *text;
    Py_ssize_t bytes, end;
    enum status status = RAISED;
    if (answer == Py_None) {
        status = BAD_SUBTREE;
    } else if (answer != NULL && PyArg_ParseTuple(answer, "y#n", &text, &bytes, &end)) {
        *length = bytes;
        in->at = begin + end;
        status = to ? append_text(to, (const uint8_t *)text, bytes) : ACCEPTED;
    }
    Py_XDECREF(answer);
    return status;
}

static PyObject *columns_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    (void)kwargs;
    PyObject *layout, *is_json;
    unsigned long long secret[2];
    if (!PyArg_ParseTuple(args, "S(KK)O", &layout, secret, secret + 1, &is_json)) return NULL;
    Columns *self = (Columns *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (self == NULL) return NULL;
    Py_INCREF(layout);
    self->layout = layout;
    Py_INCREF(is_json);
    self->is_json = is_json;
    self->machine.check_json = check_json;
    self->machine.read_subtree = read_subtree;
    self->machine.owner = self;
    self->machine.secret[0] = secret[0];
    self->machine.secret[1] = secret[1];
    bool good = read_layout(layout, &self->columns, &self->count);
    for (int32_t each = 0; good && each < self->count; each++) good = column_begin(self->columns + each);
    self->machine.columns = self->columns;
    if (good) return (PyObject *)self;
    if (!PyErr_Occurred()) PyErr_NoMemory();
    Py_DECREF(self);
    return NULL;
}

static void columns_dealloc(PyObject *object) {
    Columns *self = (Columns *)object;
    for (int32_t each = 0; self->columns != NULL && each < self->count; each++) column_free(self->columns + each);
    PyMem_Free(self->columns);
    free(self->machine.keys);
    Py_XDECREF(self->layout);
    Py_XDECREF(self->is_json);
    free_object(object);
}

/* Append (index, status, instruction, offset, [index in each array around it, outermost first]) to *refusals*. */
static int note_refusal(PyObject *refusals, Py_ssize_t index, enum status status, const machine *vm) {
    PyObject *indexes = PyList_New(vm->depth);
    if (indexes == NULL) return -1;
    for (int32_t each = 0; each < vm->depth; each++) {
        PyObject *number = PyLong_FromLong(vm->indexes[vm->depth - 1 - each]);
        if (number == NULL || PyList_SetItem(indexes, each, number) < 0) {
            Py_DECREF(indexes);
            return -1;
        }
    }
    PyObject *noted = Py_BuildValue("(niiLN)", index, (int)status, (int)vm->failed_at, (long long)vm->offset, indexes);
    int done = noted == NULL ? -1 : PyList_Append(refusals, noted);
    Py_XDECREF(noted);
    return done;
}

/* Return the program at *index*; NULL, with an exception, when it was not compiled for these columns. */
static const Program *program_at(const Columns *self, PyObject *programs, Py_ssize_t index) {
    PyObject *compiled = PyList_GetItem(programs, index); /* borrowed: the caller holds its list */
    if (compiled == NULL) return NULL;
    if (!PyObject_TypeCheck(compiled, (PyTypeObject *)program_type) || ((Program *)compiled)->layout != self->layout) {
        PyErr_SetString(PyExc_ValueError, "the program was compiled for other columns");
        return NULL;
    }
    return (Program *)compiled;
}

static bool append_one(Columns *self, PyObject *programs, PyObject *messages, Py_ssize_t index, PyObject *refusals) {
    char *message;
    Py_ssize_t length;
    PyObject *bytes = PyList_GetItem(messages, index); /* borrowed: the caller holds its list */
    if (bytes == NULL || PyBytes_AsStringAndSize(bytes, &message, &length) < 0) return false;
    self->message = bytes;
    self->compiled = program_at(self, programs, index);
    if (self->compiled == NULL) return false;
    self->machine.program = &self->compiled->program;
    enum status status = decode_message(&self->machine, (const uint8_t *)message, length);
    switch (status) {
        case ACCEPTED: return true;
        case NO_MEMORY: PyErr_NoMemory(); return false;
        case RAISED: return false;
        case COLUMN_FULL:
            PyErr_SetString(PyExc_OverflowError, "columns of more than 2 GiB: read fewer messages at once");
            return false;
        default: return note_refusal(refusals, index, status, &self->machine) == 0;
    }
}

static PyObject *columns_append(PyObject *object, PyObject *args) {
    Columns *self = (Columns *)object;
    PyObject *programs, *messages;
    long long row = 0, room = INT64_MAX;
    if (!PyArg_ParseTuple(args, "O!O!|LL", &PyList_Type, &programs, &PyList_Type, &messages, &row, &room)) return NULL;
    if (PyList_Size(programs) != PyList_Size(messages)) {
        PyErr_SetString(PyExc_ValueError, "the numbers of programs and messages differ");
        return NULL;
    }
    PyObject *refusals = PyList_New(0);
    if (refusals == NULL) return NULL;
    Py_ssize_t each = 0;
    for (; each < PyList_Size(messages) && room > 0; each++) {
        if (!append_one(self, programs, messages, each, refusals)) {
            Py_DECREF(refusals);
            return NULL;
        }
        reader *in = &self->machine.in;
        room -= row + self->machine.width + (in->end - in->start);
    }
    return Py_BuildValue("(Nn)", refusals, each);
}

static PyObject *columns_content_hashes(PyObject *object, PyObject *args) {
    Columns *self = (Columns *)object;
    PyObject *nodes, *members, *absent;
    if (!PyArg_ParseTuple(args, "SSS", &nodes, &members, &absent)) return NULL;
    content_plan plan = {
        .nodes = (const content_node *)PyBytes_AsString(nodes),
        .nodes_length = PyBytes_Size(nodes) / (Py_ssize_t)sizeof(content_node),
        .members = (const content_member *)PyBytes_AsString(members),
        .members_length = PyBytes_Size(members) / (Py_ssize_t)sizeof(content_member),
        .absent = (const uint64_t *)PyBytes_AsString(absent),
        .absent_length = PyBytes_Size(absent) / 8,
    };
    if (!content_plan_is_sound(&plan, self->columns, self->count) || !columns_agree(self->columns)) {
        PyErr_SetString(PyExc_ValueError, "the plan was made for other columns");
        return NULL;
    }
    PyObject *hashes = PyBytes_FromStringAndSize(NULL, self->columns->length * 8);
    if (hashes == NULL || content_hashes(&plan, self->columns, (int64_t *)PyBytes_AsString(hashes))) return hashes;
    Py_DECREF(hashes);
    return PyErr_NoMemory();
}

static void release_capsule(PyObject *capsule) {
    struct ArrowArray *array = PyCapsule_GetPointer(capsule, "arrow_array");
    if (array->release != NULL) array->release(array);
    PyMem_Free(array);
}

static PyObject *columns_finish(PyObject *object, PyObject *args) {
    (void)args;
    Columns *self = (Columns *)object;
    if (!columns_agree(self->columns)) {
        PyErr_SetString(PyExc_SystemError, "a program filled the columns unevenly");
        return NULL;
    }
    struct ArrowArray *array = PyMem_Calloc(1, sizeof *array);
    if (array == NULL) return PyErr_NoMemory();
    bool done = columns_export(self->columns, array);
    PyObject *capsule = done ? PyCapsule_New(array, "arrow_array", release_capsule) : PyErr_NoMemory();
    if (capsule == NULL) {
        if (array->release != NULL) array->release(array);
        PyMem_Free(array);
    }
    return capsule;
}

static PyMethodDef columns_methods[] = {
    {"append", columns_append, METH_VARARGS,
     "Append messages, each by its program, until *room* bytes are used; refused messages leave no trace."},
    {"content_hashes", columns_content_hashes, METH_VARARGS,
     "Return the hash of each row's values as 64-bit integers, by the tables of a plan."},
    {"finish", columns_finish, METH_NOARGS,
     "Return the columns as an Arrow array of structs, and begin again with empty ones."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot program_slots[] = {
    {Py_tp_new, program_new},
    {Py_tp_dealloc, program_dealloc},
    {Py_tp_doc, "Program(layout, code, numbers, symbols, texts, datum=False, header=0, readers=())"},
    {0, NULL},
};

static PyType_Slot columns_slots[] = {
    {Py_tp_new, columns_new},
    {Py_tp_dealloc, columns_dealloc},
    {Py_tp_methods, columns_methods},
    {Py_tp_doc, "Columns(layout, secret, is_json)"},
    {0, NULL},
};

static PyType_Spec program_spec = {
    "headrace._columns.Program", sizeof(Program), 0, Py_TPFLAGS_DEFAULT, program_slots};
static PyType_Spec columns_spec = {
    "headrace._columns.Columns", sizeof(Columns), 0, Py_TPFLAGS_DEFAULT, columns_slots};

static int module_exec(PyObject *module) {
    program_type = PyType_FromSpec(&program_spec);
    PyObject *columns_type = PyType_FromSpec(&columns_spec);
    if (program_type == NULL || columns_type == NULL) return -1;
    if (PyModule_AddObjectRef(module, "Program", program_type) < 0) return -1;
    if (PyModule_AddObjectRef(module, "Columns", columns_type) < 0) return -1;
    Py_DECREF(columns_type); /* program_type is kept: append asks for it */
    PyObject *constants = shared_constants();
    if (constants == NULL) return -1;
    int failed = PyModule_AddObjectRef(module, "CONSTANTS", constants);
    Py_DECREF(constants);
    return failed;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, module_exec}, {0, NULL}};
static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "headrace._columns", "Decode Avro messages into Arrow columns.", 0, NULL, module_slots,
    NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__columns(void) { return PyModuleDef_Init(&module); }
