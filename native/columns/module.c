#include <Python.h>

static PyModuleDef module = {PyModuleDef_HEAD_INIT, .m_name = "headrace_columns", .m_size = 0};

PyMODINIT_FUNC PyInit_headrace_columns(void) { return PyModuleDef_Init(&module); }
