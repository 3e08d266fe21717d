#include "plan.h"

#include <string.h>

static bool is_text(const plan *checked, int32_t text, bool may_lack) {
    return (may_lack && text == NO_TEXT) || (text >= 0 && text < checked->spans_length);
}

static bool spans_are_sound(const plan *checked) {
    for (int32_t each = 0; each < checked->spans_length; each++) {
        span checks = checked->spans[each];
        if (checks.at < 0 || checks.length < 0 || checks.at > checked->bytes_length - checks.length) return false;
    }
    return true;
}

static bool names_are_sound(const plan *checked, const node *op, int32_t place) {
    if (op->code != RECORD && op->code != ENUM && op->code != UNION) return true;
    if (op->first < 0 || op->count < 0 || op->first > checked->names_length - op->count) return false;
    for (int32_t each = 0; each < op->count; each++) {
        named name = checked->names[op->first + each];
        if (!is_text(checked, name.text, false)) return false;
        if (op->code != ENUM && (name.value <= place || name.value >= op->next)) return false;
    }
    return true;
}

/* Return the node after the one at *place*; -1 if that one, or one below it, is not sound. */
static int32_t check_node(const plan *checked, int32_t place, int32_t limit, int depth) {
    const node *op = checked->nodes + place;
    bool good = depth <= MAX_LEVELS && op->code >= 0 && op->code < JSON_CODE_COUNT && op->next > place &&
                op->next <= limit && is_text(checked, op->name, false) && is_text(checked, op->tag, true) &&
                is_text(checked, op->logical_tag, true) && is_text(checked, op->absent, true) &&
                is_text(checked, op->null, true) && op->precision >= 0 &&
                op->precision <= 76 && op->size <= MAX_TEXT && op->digits >= 0 && op->digits <= 9 &&
                (op->part == 3 || op->part == 9);
    if (!good || !names_are_sound(checked, op, place)) return -1;
    int32_t children = 0, at = place + 1;
    for (; at >= 0 && at < op->next; children++) at = check_node(checked, at, op->next, depth + 1);
    int32_t wanted = op->code == RECORD ? op->count : op->code == ARRAY ? 1 : op->code == MAP ? 2 : 0;
    bool all = op->code == UNION ? children > 0 && op->null_place <= children : children == wanted;
    return at == op->next && all ? at : -1;
}

bool plan_is_sound(const plan *checked) {
    if (checked->length < 1 || checked->nodes[0].code != RECORD || !spans_are_sound(checked)) return false;
    return check_node(checked, 0, checked->length, 0) == checked->length;
}

int32_t find_name(const plan *from, int32_t first, int32_t count, const uint8_t *name, int64_t length) {
    int32_t low = first, high = first + count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        named found = from->names[middle];
        span text = from->spans[found.text];
        int64_t common = length < text.length ? length : text.length;
        int order = common ? memcmp(name, from->bytes + text.at, (size_t)common) : 0;
        if (order == 0) order = length < text.length ? -1 : length > text.length;
        if (order == 0) return found.value;
        if (order < 0) high = middle;
        else low = middle + 1;
    }
    return -1;
}
