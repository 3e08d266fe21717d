#include "constants.h"

#include "decode.h"

#define ENTRY(name) {#name, name},

struct entry {
    const char *name;
    long value;
};

static const struct entry opcodes[] = {OPCODES(ENTRY){NULL, 0}};
static const struct entry layouts[] = {LAYOUTS(ENTRY){NULL, 0}};
static const struct entry statuses[] = {STATUSES(ENTRY){NULL, 0}};
static const struct entry limits[] = {LIMITS(ENTRY){NULL, 0}};

/* Add to *groups* a dict of *entries*, up to the one without a name. */
static bool add_group(PyObject *groups, const char *name, const struct entry *entries) {
    PyObject *group = PyDict_New();
    bool good = group != NULL && PyDict_SetItemString(groups, name, group) == 0;
    for (; good && entries->name != NULL; entries++) {
        PyObject *value = PyLong_FromLong(entries->value);
        good = value != NULL && PyDict_SetItemString(group, entries->name, value) == 0;
        Py_XDECREF(value);
    }
    Py_XDECREF(group);
    return good;
}

PyObject *shared_constants(void) {
    PyObject *groups = PyDict_New();
    if (groups == NULL) return NULL;
    if (add_group(groups, "opcodes", opcodes) && add_group(groups, "layouts", layouts) &&
        add_group(groups, "statuses", statuses) && add_group(groups, "limits", limits)) {
        return groups;
    }
    Py_DECREF(groups);
    return NULL;
}
