#include "constants.h"

#include "../constant_groups.h"
#include "decode.h"

static const struct entry opcodes[] = {OPCODES(ENTRY){NULL, 0}};
static const struct entry layouts[] = {LAYOUTS(ENTRY){NULL, 0}};
static const struct entry statuses[] = {STATUSES(ENTRY){NULL, 0}};
static const struct entry limits[] = {LIMITS(ENTRY){NULL, 0}};

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
