#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <float.h>
#include <math.h>

#include "machine.h"

/* Convert a number of few digits without a rounding error; false if there are too many. */
static bool convert_exactly(const number *of, double *value) {
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (FLT_EVAL_METHOD != 0 || of->count > 15 || of->exponent < -22 || of->exponent > 22) return false;
    int64_t digits = 0;
    for (int32_t each = 0; each < of->count; each++) digits = digits * 10 + (of->digits[each] - '0');
    *value = of->exponent < 0 ? (double)digits / tens[-of->exponent] : (double)digits * tens[of->exponent];
    if (of->negative) *value = -*value;
    return true;
}

static bool convert(const number *of, double *value) {
    char characters[MAX_NUMBER + 1];
    if (convert_exactly(of, value)) return true;
    memcpy(characters, of->start, (size_t)of->length);
    characters[of->length] = 0;
    *value = PyOS_string_to_double(characters, NULL, NULL);
    return !(*value == -1.0 && PyErr_Occurred());
}

static bool is_between_floats(double value) {
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return (bits & 0x1FFFFFFF) == 0x10000000 || (value != 0 && fabs(value) < 0x1p-126);
}

enum json_fault put_special(machine *vm, const node *op, double value) {
    uint64_t bits;
    int size = op->code == FLOAT ? 4 : 8;
    if (op->code == FLOAT) {
        uint32_t half;
        float single = (float)value;
        memcpy(&half, &single, 4);
        bits = half;
    } else {
        memcpy(&bits, &value, 8);
    }
    if (!reserve(&vm->out, 8)) return NO_MEMORY;
    for (int each = 0; each < size; each++) vm->out.bytes[vm->out.length++] = (uint8_t)(bits >> 8 * each);
    return ACCEPTED;
}

enum json_fault put_floating(machine *vm, const node *op, const uint8_t *start) {
    double value;
    if (!convert(&vm->number, &value)) return NO_MEMORY;
    if (op->code == FLOAT) {
        if (is_between_floats(value)) value = off_the_middle(&vm->number, value);
        value = (double)(float)value;
    }
    if (isinf(value)) return fail(&vm->in, start, BEYOND_FLOAT);
    if (value == 0 && vm->number.count) return fail(&vm->in, start, TOO_SMALL);
    return put_special(vm, op, value);
}
