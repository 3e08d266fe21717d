/* Scalars. Of numbers, texts and bytes the content is read without code of their class, which may be a subclass. */
#include "machine.h"

static const int64_t SECONDS_OF_DAY = 86400, MICROS = 1000000;
static const int64_t FIRST_MICROS = -62135596800000000, LAST_MICROS = 253402300799999999; /* years 1 to 9999 */
static const int64_t EPOCH_ORDINAL = 719163;

/* Read an attribute of a built-in object, which is a whole number. */
static outcome attribute(machine *vm, PyObject *value, int name, int64_t *number) {
    PyObject *held = PyObject_GetAttr(value, vm->program->attributes[name]);
    if (held == NULL) return after_exception();
    *number = PyLong_AsLongLong(held);
    Py_DECREF(held);
    return *number == -1 && PyErr_Occurred() ? after_exception() : ENCODED;
}

static outcome whole(PyObject *value, int64_t *number) {
    int overflow = 0;
    if (!PyLong_Check(value) || PyBool_Check(value)) return UNSURE;
    *number = PyLong_AsLongLongAndOverflow(value, &overflow);
    return overflow ? UNSURE : ENCODED;
}

static outcome encode_whole(machine *vm, PyObject *value, int64_t limit) {
    int64_t number;
    outcome got = whole(value, &number);
    if (got == ENCODED && (number > limit || number < -limit - 1)) got = UNSURE;
    return got == ENCODED ? put_long(vm, number) : got;
}

static outcome floating(PyObject *value, double *number) {
    int64_t held;
    if (PyFloat_Check(value)) {
        *number = PyFloat_AsDouble(value);
        return ENCODED;
    }
    outcome got = whole(value, &held);
    *number = got == ENCODED ? (double)held : 0;
    return got;
}

static outcome put_little(machine *vm, uint64_t bits, int width) {
    uint8_t bytes[8];
    for (int each = 0; each < width; each++) bytes[each] = (uint8_t)(bits >> 8 * each);
    return put_bytes(vm, bytes, width);
}

static outcome encode_float(machine *vm, PyObject *value) {
    double number;
    outcome got = floating(value, &number);
    if (got != ENCODED) return got;
    double size = number < 0 ? -number : number;
    if (size > 3.4028234663852886e38 && size <= 1.7976931348623157e308) return UNSURE;
    float narrow = (float)number;
    uint32_t bits;
    memcpy(&bits, &narrow, 4);
    return put_little(vm, bits, 4);
}

static outcome encode_double(machine *vm, PyObject *value) {
    double number;
    outcome got = floating(value, &number);
    uint64_t bits;
    memcpy(&bits, &number, 8);
    return got == ENCODED ? put_little(vm, bits, 8) : got;
}

static outcome encode_string(machine *vm, PyObject *value) {
    Py_ssize_t length;
    if (!PyUnicode_Check(value)) return UNSURE;
    const char *text = PyUnicode_AsUTF8AndSize(value, &length);
    return text == NULL ? after_exception() : put_text(vm, text, length);
}

static outcome encode_json(machine *vm, PyObject *value) {
    PyObject *text = PyUnicode_Check(value) ? PyUnicode_FromObject(value) : NULL; /* an exact copy of a subclass's */
    if (text == NULL) return PyErr_Occurred() ? after_exception() : UNSURE;
    PyObject *fault = PyObject_CallFunctionObjArgs(known(vm, JSON_FAULT), text, NULL);
    Py_DECREF(text);
    if (fault == NULL) return after_exception();
    bool good = fault == Py_None;
    Py_DECREF(fault);
    return good ? encode_string(vm, value) : UNSURE;
}

static bool is_hex(char digit) {
    char lower = (char)(digit | 0x20);
    return (digit >= '0' && digit <= '9') || (lower >= 'a' && lower <= 'f');
}

static outcome encode_uuid_text(machine *vm, PyObject *value) {
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(value, &length);
    if (text == NULL) return after_exception();
    if (length != 36) return UNSURE;
    for (int each = 0; each < 36; each++) {
        bool dash = each == 8 || each == 13 || each == 18 || each == 23;
        if (dash ? text[each] != '-' : !is_hex(text[each])) return UNSURE;
    }
    return put_text(vm, text, 36);
}

/* Split the whole number of 128 bits that a UUID is. */
static outcome halves(machine *vm, PyObject *number, uint64_t half[2]) {
    if (!PyLong_CheckExact(number)) return UNSURE;
    half[1] = PyLong_AsUnsignedLongLongMask(number);
    PyObject *high = PyNumber_Rshift(number, vm->program->sixty_four);
    if (high == NULL) return after_exception();
    half[0] = PyLong_AsUnsignedLongLong(high);
    Py_DECREF(high);
    return half[0] == UINT64_MAX && PyErr_Occurred() ? after_exception() : ENCODED;
}

static outcome encode_uuid(machine *vm, PyObject *value) {
    if (PyUnicode_Check(value)) return encode_uuid_text(vm, value);
    if (!is_exactly(vm, value, UUID_TYPE)) return UNSURE;
    PyObject *number = PyObject_GetAttr(value, vm->program->attributes[INT_NAME]);
    if (number == NULL) return after_exception();
    uint64_t half[2];
    outcome got = halves(vm, number, half);
    Py_DECREF(number);
    if (got != ENCODED) return got;
    char text[36];
    for (int digit = 0, at = 0; digit < 32; digit++) {
        if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text[at++] = '-';
        text[at++] = "0123456789abcdef"[half[digit / 16] >> (60 - digit % 16 * 4) & 15];
    }
    return put_text(vm, text, 36);
}

static outcome encode_bytes(machine *vm, PyObject *value, int64_t size) {
    if (!PyBytes_Check(value)) return UNSURE;
    Py_ssize_t length = PyBytes_Size(value);
    if (size == NONE) return put_text(vm, PyBytes_AsString(value), length);
    return length == size ? put_bytes(vm, PyBytes_AsString(value), length) : UNSURE;
}

static outcome encode_enum(machine *vm, const op *as, PyObject *value) {
    PyObject *text = PyUnicode_Check(value) ? PyUnicode_FromObject(value) : NULL; /* no subclass's own hash is asked */
    if (text == NULL) return PyErr_Occurred() ? after_exception() : UNSURE;
    PyObject *found = PyDict_GetItemWithError(PyTuple_GetItem(vm->program->objects, as->a), text);
    Py_DECREF(text);
    if (found == NULL) return PyErr_Occurred() ? after_exception() : UNSURE;
    return put_long(vm, PyLong_AsLong(found));
}

static outcome encode_date(machine *vm, PyObject *value) {
    if (!is_exactly(vm, value, DATE_TYPE)) return UNSURE;
    PyObject *ordinal = PyObject_CallMethodObjArgs(value, vm->program->attributes[TOORDINAL_NAME], NULL);
    if (ordinal == NULL) return after_exception();
    int64_t day = PyLong_AsLongLong(ordinal);
    Py_DECREF(ordinal);
    return put_long(vm, day - EPOCH_ORDINAL);
}

/* Write microseconds as they are, or as milliseconds. */
static outcome put_micros(machine *vm, int64_t micros, bool as_millis) {
    if (!as_millis) return put_long(vm, micros);
    return micros % 1000 ? UNSURE : put_long(vm, micros / 1000);
}

static outcome encode_time(machine *vm, PyObject *value, bool as_millis) {
    if (!is_exactly(vm, value, TIME_TYPE)) return UNSURE;
    PyObject *zone = PyObject_GetAttr(value, vm->program->attributes[TZINFO_NAME]);
    if (zone == NULL) return after_exception();
    bool plain = zone == Py_None;
    Py_DECREF(zone);
    int64_t parts[4];
    outcome got = plain ? ENCODED : UNSURE;
    for (int each = 0; got == ENCODED && each < 4; each++) got = attribute(vm, value, HOUR_NAME + each, parts + each);
    if (got != ENCODED) return got;
    return put_micros(vm, ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * MICROS + parts[3], as_millis);
}

/* Whether *value* has a zone whose own code is not a caller's; with *zoned* false, whether it has none. */
static outcome check_zone(machine *vm, PyObject *value, bool zoned) {
    PyObject *zone = PyObject_GetAttr(value, vm->program->attributes[TZINFO_NAME]);
    if (zone == NULL) return after_exception();
    bool known_zone = zone == known(vm, UTC_ZONE) || is_exactly(vm, zone, TIMEZONE_TYPE) ||
                      is_exactly(vm, zone, ZONEINFO_TYPE);
    bool good = zoned ? known_zone : zone == Py_None;
    Py_DECREF(zone);
    return good ? ENCODED : UNSURE;
}

static outcome encode_moment(machine *vm, PyObject *value, bool zoned, bool as_millis) {
    if (!is_exactly(vm, value, DATETIME_TYPE)) return UNSURE;
    outcome got = check_zone(vm, value, zoned);
    if (got != ENCODED) return got;
    PyObject *since = PyNumber_Subtract(value, known(vm, zoned ? UTC_EPOCH : LOCAL_EPOCH));
    if (since == NULL) return after_exception();
    int64_t parts[3];
    for (int each = 0; got == ENCODED && each < 3; each++) got = attribute(vm, since, DAYS_NAME + each, parts + each);
    Py_DECREF(since);
    if (got != ENCODED) return got;
    int64_t micros = (parts[0] * SECONDS_OF_DAY + parts[1]) * MICROS + parts[2];
    return micros < FIRST_MICROS || micros > LAST_MICROS ? UNSURE : put_micros(vm, micros, as_millis);
}

outcome encode_scalar(machine *vm, const op *as, PyObject *value) {
    switch (as->code) {
        case BOOLEAN: return value == Py_True ? put_byte(vm, 1) : value == Py_False ? put_byte(vm, 0) : UNSURE;
        case INT: return encode_whole(vm, value, INT32_MAX);
        case LONG: return encode_whole(vm, value, INT64_MAX);
        case FLOAT: return encode_float(vm, value);
        case DOUBLE: return encode_double(vm, value);
        case STRING: return encode_string(vm, value);
        case BYTES: return encode_bytes(vm, value, NONE);
        case UUID: return encode_uuid(vm, value);
        case JSON: return encode_json(vm, value);
        case DATE: return encode_date(vm, value);
        case TIME_MILLIS: return encode_time(vm, value, true);
        case TIME_MICROS: return encode_time(vm, value, false);
        case TIMESTAMP_MILLIS: return encode_moment(vm, value, true, true);
        case TIMESTAMP_MICROS: return encode_moment(vm, value, true, false);
        case LOCAL_TIMESTAMP_MILLIS: return encode_moment(vm, value, false, true);
        case LOCAL_TIMESTAMP_MICROS: return encode_moment(vm, value, false, false);
        case FIXED: return encode_bytes(vm, value, as->a);
        case ENUM: return encode_enum(vm, as, value);
        default: return encode_decimal(vm, as, value);
    }
}
