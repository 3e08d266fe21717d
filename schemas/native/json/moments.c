#include "machine.h"

/* A date and a time of day, as they are written. */
typedef struct {
    int32_t year, month, day, hour, minute, second;
    const uint8_t *fraction; /* digits; NULL: none */
    int64_t fraction_length;
    int32_t offset; /* minutes */
    bool has_offset;
} moment;

static bool two_digits(const uint8_t *at, int32_t *value) {
    if (!is_digit(at[0]) || !is_digit(at[1])) return false;
    *value = (at[0] - '0') * 10 + (at[1] - '0');
    return true;
}

/* Find YYYY-MM-DD at the beginning of *held*, and remove it. */
static bool take_date(text *held, moment *found) {
    const uint8_t *at = held->bytes;
    int32_t century, year;
    if (held->length < 10 || !two_digits(at, &century) || !two_digits(at + 2, &year) || at[4] != '-' ||
        !two_digits(at + 5, &found->month) || at[7] != '-' || !two_digits(at + 8, &found->day)) {
        return false;
    }
    found->year = century * 100 + year;
    *held = (text){at + 10, held->length - 10};
    return true;
}

/* Find HH:MM, HH:MM:SS or HH:MM:SS.fff at the beginning of *held*, and remove it. */
static bool take_clock(text *held, moment *found) {
    const uint8_t *at = held->bytes, *end = at + held->length;
    if (held->length < 5 || !two_digits(at, &found->hour) || at[2] != ':' || !two_digits(at + 3, &found->minute)) {
        return false;
    }
    at += 5;
    if (end - at >= 3 && *at == ':' && two_digits(at + 1, &found->second)) {
        at += 3;
        if (end - at >= 2 && (*at == '.' || *at == ',') && is_digit(at[1])) {
            found->fraction = ++at;
            while (at < end && is_digit(*at)) at++;
            found->fraction_length = at - found->fraction;
        }
    }
    *held = (text){at, end - at};
    return true;
}

/* Find Z, +HH, +HHMM or +HH:MM, which is all of *held*; false for anything else. */
static bool take_offset(text held, moment *found, bool *exists) {
    const uint8_t *at = held.bytes;
    int32_t hours, minutes = 0;
    if (held.length == 0) return true;
    found->has_offset = true;
    *exists = true;
    if (held.length == 1) return *at == 'Z' || *at == 'z';
    if ((*at != '+' && *at != '-') || held.length < 3 || !two_digits(at + 1, &hours)) return false;
    int64_t colon = held.length > 3 && at[3] == ':';
    if (held.length != 3 && (held.length != 5 + colon || !two_digits(at + 3 + colon, &minutes))) return false;
    if (hours > 23 || minutes > 59) *exists = false;
    found->offset = (hours * 60 + minutes) * (*at == '-' ? -1 : 1);
    return true;
}

static bool is_day(const moment *of) {
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (of->year < 1 || of->year > 9999 || of->month < 1 || of->month > 12 || of->day < 1) return false;
    bool leap = of->month == 2 && of->year % 4 == 0 && (of->year % 100 != 0 || of->year % 400 == 0);
    return of->day <= days[of->month - 1] + leap;
}

/* Days since 1970, of the proleptic Gregorian calendar. */
static int64_t days_since_1970(const moment *of) {
    int64_t year = of->month > 2 ? of->year : of->year - 1;
    int64_t month = of->month > 2 ? of->month - 3 : of->month + 9;
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + of->day - 719469;
}

static enum json_fault check_clock(reader *in, const uint8_t *start, const moment *of) {
    if (of->second == 60) return fail(in, start, LEAP_SECOND);
    bool good = of->hour <= 23 && of->minute <= 59 && of->second <= 59;
    return good ? ACCEPTED : fail(in, start, NO_MOMENT);
}

static enum json_fault put_number(machine *vm, const node *op, const uint8_t *start, int64_t value) {
    if (value < op->low || value > op->high) return fail(&vm->in, start, OUT_OF_RANGE);
    return put_long(&vm->out, value) ? ACCEPTED : NO_MEMORY;
}

static int64_t power_of_ten(int32_t exponent) {
    int64_t power = 1;
    for (; exponent > 0; exponent--) power *= 10;
    return power;
}

/* Append a date and time with *part* units below a second. */
static enum json_fault put_moment(machine *vm, const node *op, const uint8_t *start, const moment *of, int64_t part) {
    int64_t days = op->code == TIME ? 0 : days_since_1970(of);
    int64_t seconds = days * 86400 + (of->hour * 60 + of->minute - of->offset) * 60 + of->second;
    return put_number(vm, op, start, seconds * power_of_ten(op->digits) + part);
}

static bool part_of_fraction(const node *op, const moment *of, int64_t *part) {
    int64_t length = of->fraction_length;
    while (length && of->fraction[length - 1] == '0') length--;
    *part = 0;
    if (length > op->digits) return false;
    for (int32_t each = 0; each < op->digits; each++) {
        *part = *part * 10 + (each < length ? of->fraction[each] - '0' : 0);
    }
    return true;
}

static enum json_fault read_time_text(machine *vm, const node *op, const uint8_t *start, text held) {
    reader *in = &vm->in;
    moment found = {0};
    bool exists = true, good = true;
    if (op->code != TIME) {
        good = take_date(&held, &found) && held.length && (*held.bytes == 'T' || *held.bytes == 't' || *held.bytes == ' ');
        if (good) held = (text){held.bytes + 1, held.length - 1};
    }
    good = good && take_clock(&held, &found) && (op->code == TIME ? held.length == 0 : take_offset(held, &found, &exists));
    if (!good) return fail(in, start, BAD_TEXT);
    if (op->code == TIMESTAMP && !found.has_offset && !TAKES(op, UTC_TEXT)) return fail(in, start, NO_OFFSET);
    if (op->code == LOCAL_TIMESTAMP && found.has_offset) return fail(in, start, HAS_OFFSET);
    if (op->code != TIME && !is_day(&found)) return fail(in, start, NO_MOMENT);
    enum json_fault fault = check_clock(in, start, &found);
    if (fault != ACCEPTED) return fault;
    if (!exists) return fail(in, start, NO_MOMENT);
    int64_t part;
    if (!part_of_fraction(op, &found, &part)) return fail(in, start, TOO_FINE);
    return put_moment(vm, op, start, &found, part);
}

static enum json_fault read_date_text(machine *vm, const node *op, const uint8_t *start, text held) {
    reader *in = &vm->in;
    moment found = {0};
    bool exists = true, midnight = held.length != 10;
    if (!take_date(&held, &found) || (midnight ? !TAKES(op, MIDNIGHT) : !TAKES(op, TEXT))) {
        return fail(in, start, BAD_TEXT);
    }
    if (midnight) {
        bool good = *held.bytes == 'T' || *held.bytes == 't' || *held.bytes == ' ';
        held = (text){held.bytes + 1, held.length - 1};
        if (!good || !take_clock(&held, &found) || !take_offset(held, &found, &exists)) {
            return fail(in, start, BAD_TEXT);
        }
        bool zero = !found.hour && !found.minute && !found.second && !found.offset && exists;
        for (int64_t each = 0; each < found.fraction_length; each++) zero = zero && found.fraction[each] == '0';
        if (!zero) return fail(in, start, TOO_FINE);
    }
    if (!is_day(&found)) return fail(in, start, NO_MOMENT);
    return put_number(vm, op, start, days_since_1970(&found));
}

/* Read the elements of [2026,11,20]: at least *least*, at most *most*; the others are 0. */
static enum json_fault read_elements(machine *vm, const node *op, int least, int most, int32_t elements[7]) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    int count = 0;
    in->at++;
    enum json_fault fault = skip_blanks(in);
    while (fault == ACCEPTED && count <= most && *in->at != ']') {
        int32_t value;
        if (count && (fault = expect(in, ',')) != ACCEPTED) return fault;
        if (!begins_number(in)) return unexpected(in, op);
        if ((fault = read_number(in, &vm->number)) != ACCEPTED) return fault;
        if (!is_index(&vm->number, 9, &value)) return fail(in, start, NO_MOMENT);
        if (count < most) elements[count] = value;
        count++;
        fault = skip_blanks(in);
    }
    if (fault != ACCEPTED) return fault;
    if (count < least || count > most) return fail(in, start, UNEXPECTED);
    in->at++;
    return ACCEPTED;
}

static bool part_of_element(const node *op, int32_t element, int64_t *part) {
    int64_t whole = power_of_ten(op->part), scaled = element * power_of_ten(op->digits);
    *part = scaled / whole;
    return scaled % whole == 0;
}

static enum json_fault read_elements_of(machine *vm, const node *op) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    int days = op->code == TIME ? 0 : 3, least = op->code == TIME ? 2 : op->code == DATE ? 3 : 5;
    int32_t elements[7] = {0};
    enum json_fault fault = read_elements(vm, op, least, op->code == DATE ? 3 : days + 4, elements);
    if (fault != ACCEPTED) return fault;
    const int32_t *clock = elements + days;
    moment found = {.year = elements[0], .month = elements[1], .day = elements[2]};
    if (days && !is_day(&found)) return fail(in, start, NO_MOMENT);
    if (op->code == DATE) return put_number(vm, op, start, days_since_1970(&found));
    found.hour = clock[0];
    found.minute = clock[1];
    found.second = clock[2];
    fault = check_clock(in, start, &found);
    if (fault != ACCEPTED) return fault;
    int64_t part;
    if (clock[3] >= power_of_ten(op->part)) return fail(in, start, NO_MOMENT);
    if (!part_of_element(op, clock[3], &part)) return fail(in, start, TOO_FINE);
    return put_moment(vm, op, start, &found, part);
}

static enum json_fault read_number_of(machine *vm, const node *op) {
    const uint8_t *start = vm->in.at;
    int64_t value;
    enum json_fault fault = read_number(&vm->in, &vm->number);
    if (fault != ACCEPTED) return fault;
    if (TAKES(op, FRACTIONAL_SECONDS) && !vm->number.has_point && vm->number.exponent >= 0) {
        return fail(&vm->in, start, NO_FRACTION);
    }
    fault = whole_of_number(vm, op, start, op->power, &value);
    if (fault != ACCEPTED) return fault;
    return put_long(&vm->out, value) ? ACCEPTED : NO_MEMORY;
}

enum json_fault read_moment(machine *vm, const node *op) {
    reader *in = &vm->in;
    const uint8_t *start = in->at;
    bool units = TAKES(op, SECONDS) || TAKES(op, FRACTIONAL_SECONDS) || TAKES(op, MILLIS) || TAKES(op, MICROS) ||
                 TAKES(op, NANOS) || TAKES(op, DAYS) || TAKES(op, AVRO);
    if (*start == '"' && (TAKES(op, TEXT) || TAKES(op, UTC_TEXT) || TAKES(op, MIDNIGHT))) {
        text held;
        enum json_fault fault = read_text(in, &held);
        if (fault != ACCEPTED) return fault;
        return op->code == DATE ? read_date_text(vm, op, start, held) : read_time_text(vm, op, start, held);
    }
    if (begins_number(in) && units) return read_number_of(vm, op);
    bool arrays = *start == '[' && (TAKES(op, ARRAY) || TAKES(op, ARRAY_MILLIS));
    return arrays ? read_elements_of(vm, op) : unexpected(in, op);
}
