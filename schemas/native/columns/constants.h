/* The enums and limits that the Python code shares, for Python to compare with its own. */
#ifndef HEADRACE_CONSTANTS_H
#define HEADRACE_CONSTANTS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

/* Return a new dict of dicts: by group, the value of each name. */
PyObject *shared_constants(void);

#endif
