#include "program.h"

static bool is_dict(const program *checked, int32_t object) {
    PyObject *found = object < 0 ? NULL : PyTuple_GetItem(checked->objects, object);
    if (found == NULL) PyErr_Clear();
    return found != NULL && PyDict_CheckExact(found);
}

static bool is_bytes(const program *checked, int32_t object) {
    PyObject *found = object < 0 ? NULL : PyTuple_GetItem(checked->objects, object);
    if (found == NULL) PyErr_Clear();
    return found != NULL && PyBytes_CheckExact(found);
}

static bool is_op(const program *checked, int32_t place) { return place >= 0 && place < checked->ops_length; }

static bool lies_within(int32_t first, int32_t count, int32_t length) {
    return first >= 0 && count >= 0 && first <= length - count;
}

static bool steps_are_sound(const program *checked, const op *record) {
    if (!lies_within(record->first, record->count, checked->steps_length)) return false;
    int32_t values = 0;
    for (int32_t each = record->first; each < record->first + record->count; each++) {
        const step *field = checked->steps + each;
        bool good = field->kept >= NONE && field->kept < checked->kept;
        good = good && (field->op == NONE ? is_bytes(checked, field->constant) : is_op(checked, field->op));
        good = good && (field->constant == NONE || is_bytes(checked, field->constant));
        good = good && field->slot == values && PyUnicode_CheckExact(PyTuple_GetItem(checked->names, each));
        if (!good) return false;
        values += field->op != NONE;
    }
    return values == record->b;
}

static bool branches_are_sound(const program *checked, const op *of) {
    if (!lies_within(of->first, of->count, checked->branches_length)) return false;
    for (int32_t each = of->first; each < of->first + of->count; each++) {
        if (!is_op(checked, checked->branches[each].op)) return false;
    }
    return true;
}

static bool op_is_sound(const program *checked, const op *one) {
    switch (one->code) {
        case ENUM: return is_dict(checked, one->a);
        case DECIMAL: return one->a > 0 && one->a <= MAX_PRECISION && one->b >= 0 && one->b <= one->a;
        case RECORD: return is_dict(checked, one->a) && steps_are_sound(checked, one);
        case UNION: return is_dict(checked, one->a) && branches_are_sound(checked, one);
        case ARRAY:
        case MAP: return is_op(checked, one->a);
        case RECURSIVE: return is_op(checked, one->a) && checked->ops[one->a].code == RECORD;
        default: return one->code >= 0 && one->code < ENCODER_CODE_COUNT;
    }
}

bool program_is_sound(const program *checked) {
    bool good = checked->ops_length > 0 && checked->ops[0].code == RECORD && checked->kept >= 0 &&
                checked->kept <= MAX_KEPT && PyTuple_Size(checked->names) == checked->steps_length;
    for (int32_t each = 0; good && each < checked->ops_length; each++) good = op_is_sound(checked, checked->ops + each);
    return good;
}
