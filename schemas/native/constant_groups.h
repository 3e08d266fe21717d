/* Groups of constants that a module shows to Python, which compares them with its own. Each module includes this once. */
#ifndef HEADRACE_CONSTANT_GROUPS_H
#define HEADRACE_CONSTANT_GROUPS_H
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdbool.h>

#define ENTRY(name) {#name, name},

struct entry {
    const char *name;
    long value;
};

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

#endif
