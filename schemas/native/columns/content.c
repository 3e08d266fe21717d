#include "content.h"

#include <stdlib.h>

#include "siphash.h"

enum { FEW_ENTRIES = 16 };

/* One entry of a map: its key, and its index among the entries. */
typedef struct {
    const uint8_t *text;
    int32_t length, index;
} entry;

/* The words of one row, and the entries of the open maps. */
typedef struct {
    const content_plan *plan;
    const column *columns;
    uint64_t *words, *at, *end; /* those written so far are before *at*, and there is room up to *end* */
    entry *entries;
    int64_t entries_length, entries_capacity;
} content;

static bool child_is_sound(const column *columns, int32_t parent, int32_t child) {
    int32_t below = 1;
    while (below < columns[parent].span && below < child) below += columns[parent + below].span;
    return below == child && below < columns[parent].span;
}

static bool members_are_sound(const content_plan *plan, const column *columns, int32_t parent) {
    const content_node *node = plan->nodes + parent;
    if (node->first < 0 || node->count < 0 || node->first > plan->members_length - node->count) return false;
    for (int32_t each = node->first; each < node->first + node->count; each++) {
        const content_member *member = plan->members + each;
        if (!child_is_sound(columns, parent, member->column)) return false;
        if (member->absent_at < 0 || member->absent_length < 0) return false;
        if (member->absent_at > plan->absent_length - member->absent_length) return false;
    }
    return true;
}

bool content_plan_is_sound(const content_plan *plan, const column *columns, int32_t count) {
    if (plan->nodes_length != count) return false;
    for (int32_t at = 0; at < count; at++) {
        if (!members_are_sound(plan, columns, at)) return false;
        if (!plan->nodes[at].unordered) continue;
        bool is_map = columns[at].layout == LIST && columns[at + 1].layout == STRUCT && !columns[at + 1].nullable &&
                      columns[at + 2].layout == VARIABLE;
        if (!is_map) return false;
    }
    return true;
}

static bool grow(content *to, int64_t more) {
    int64_t length = to->at - to->words, capacity = (to->end - to->words) * 2 + more;
    uint64_t *larger = realloc(to->words, (size_t)capacity * sizeof *larger);
    if (larger == NULL) return false;
    to->words = larger;
    to->at = larger + length;
    to->end = larger + capacity;
    return true;
}

/* Make room for *more* words. */
static inline bool reserve(content *to, int64_t more) { return to->end - to->at >= more || grow(to, more); }

static inline bool put(content *to, uint64_t word) {
    if (!reserve(to, 1)) return false;
    *to->at++ = word;
    return true;
}

/* The first word of a value: its field's *name*, or 0 for an item, and a number that says what follows; 0 is null. */
static inline uint64_t head(uint64_t name, int64_t number) { return name + 1 + (uint64_t)number; }

/* The value of a column whose values have one word; a field has a head before it. */
static inline bool put_word(content *to, uint64_t name, uint64_t word) {
    if (!reserve(to, 2)) return false;
    *to->at = head(name, 0);
    to->at += name != 0;
    *to->at++ = word;
    return true;
}

static inline bool put_text(content *to, const column *col, int64_t index, uint64_t name) {
    int64_t start = offsets_of(col)[index], length = offsets_of(col)[index + 1] - start;
    int64_t words = (length + 7) / 8;
    if (!reserve(to, words + 1)) return false;
    const uint8_t *text = col->text + start;
    uint64_t *into = to->at;
    *into++ = head(name, length);
    to->at = into + words;
    if (start + words * 8 > col->text_capacity) { /* the last word would end beyond the text's memory */
        if (words) into[words - 1] = 0;
        memcpy(into, text, (size_t)length);
        return true;
    }
    for (int64_t word = 0; word < words; word++) memcpy(into + word, text + word * 8, 8);
    if (length & 7) into[words - 1] &= ((uint64_t)1 << (length & 7) * 8) - 1;
    return true;
}

/* One NaN and one zero. */
static uint64_t bits_of(double value) {
    uint64_t bits;
    value += 0.0;
    memcpy(&bits, &value, sizeof bits);
    return value != value ? 0x7FF8000000000000u : bits;
}

/* As few of the limbs as the number needs in two's complement. */
static bool put_decimal(content *to, const column *col, int64_t index, uint64_t name) {
    int count = col->layout == DECIMAL256 ? 4 : 2, needed = count;
    uint64_t limbs[4];
    memcpy(limbs, col->values + index * count * 8, (size_t)count * 8);
    while (needed > 1 && limbs[needed - 1] == (limbs[needed - 2] >> 63 ? UINT64_MAX : 0)) needed--;
    if (!reserve(to, needed + 1)) return false;
    *to->at++ = head(name, needed);
    memcpy(to->at, limbs, (size_t)needed * 8);
    to->at += needed;
    return true;
}

static inline bool is_null(const column *col, int64_t index) {
    return col->nullable && !(col->validity[index >> 3] >> (index & 7) & 1);
}

static bool put_list(content *to, int32_t at, int64_t index, uint64_t name);
static bool put_record(content *to, int32_t at, int64_t index, uint64_t name);

static inline bool put_value(content *to, int32_t at, int64_t index, uint64_t name) {
    const column *col = to->columns + at;
    switch (col->layout) {
        case BITS: return put_word(to, name, col->values[index >> 3] >> (index & 7) & 1);
        case INT32: return put_word(to, name, (uint64_t)(int64_t)((int32_t *)col->values)[index]);
        case INT64: return put_word(to, name, (uint64_t)((int64_t *)col->values)[index]);
        case FLOAT32: return put_word(to, name, bits_of((double)((float *)col->values)[index]));
        case FLOAT64: return put_word(to, name, bits_of(((double *)col->values)[index]));
        case VARIABLE: return put_text(to, col, index, name);
        case DECIMAL128:
        case DECIMAL256: return put_decimal(to, col, index, name);
        case LIST: return put_list(to, at, index, name);
        default: return put_record(to, at, index, name);
    }
}

/* Whether the words from *start* on, without the name, are those that *member* leaves out. */
static bool is_absent(const content *to, const content_member *member, const uint64_t *start) {
    const uint64_t *absent = to->plan->absent + member->absent_at;
    int64_t length = member->absent_length;
    if (length != to->at - start || *start - member->name != *absent) return false;
    return !memcmp(start + 1, absent + 1, (size_t)(length - 1) * 8);
}

static bool put_record(content *to, int32_t at, int64_t index, uint64_t name) {
    const content_node *node = to->plan->nodes + at;
    const content_member *member = to->plan->members + node->first, *end = member + node->count;
    if (name && !put(to, head(name, 0))) return false;
    for (; member < end; member++) {
        if (is_null(to->columns + at + member->column, index)) {
            if (member->absent_length && !put(to, member->name)) return false;
            continue;
        }
        int64_t before = to->at - to->words;
        if (!put_value(to, at + member->column, index, member->name)) return false;
        if (member->absent_length && is_absent(to, member, to->words + before)) to->at = to->words + before;
    }
    return put(to, 0);
}

static int compare_keys(const void *one, const void *other) {
    const entry *a = one, *b = other;
    int32_t shorter = a->length < b->length ? a->length : b->length;
    int order = shorter ? memcmp(a->text, b->text, (size_t)shorter) : 0;
    return order ? order : (a->length > b->length) - (a->length < b->length);
}

static void sort_entries(entry *entries, int64_t count) {
    if (count > FEW_ENTRIES) {
        qsort(entries, (size_t)count, sizeof *entries, compare_keys);
        return;
    }
    for (int64_t each = 1; each < count; each++) {
        entry moved = entries[each];
        int64_t place = each;
        for (; place > 0 && compare_keys(entries + place - 1, &moved) > 0; place--) entries[place] = entries[place - 1];
        entries[place] = moved;
    }
}

/* Add the entries from *start* to *end* of the map whose key is the column *keys*, and sort them. */
static bool open_map(content *to, const column *keys, int32_t start, int32_t end) {
    int64_t count = end - start;
    if (to->entries_length + count > to->entries_capacity) {
        int64_t capacity = to->entries_capacity * 2 + count;
        entry *larger = realloc(to->entries, (size_t)capacity * sizeof *larger);
        if (larger == NULL) return false;
        to->entries = larger;
        to->entries_capacity = capacity;
    }
    entry *opened = to->entries + to->entries_length;
    for (int32_t index = start; index < end; index++) {
        int32_t from = offsets_of(keys)[index];
        opened[index - start] = (entry){keys->text + from, offsets_of(keys)[index + 1] - from, index};
    }
    sort_entries(opened, count);
    to->entries_length += count;
    return true;
}

static bool put_map(content *to, int32_t at, int32_t start, int32_t end, uint64_t name) {
    int64_t first = to->entries_length;
    if (!put(to, head(name, 2 * (int64_t)(end - start)))) return false;
    if (!open_map(to, to->columns + at + 2, start, end)) return false;
    for (int64_t each = first; each < first + end - start; each++) {
        if (!put_record(to, at + 1, to->entries[each].index, 0)) return false; /* may move the entries */
    }
    to->entries_length = first;
    return true;
}

static bool put_list(content *to, int32_t at, int64_t index, uint64_t name) {
    int32_t start = offsets_of(to->columns + at)[index], end = offsets_of(to->columns + at)[index + 1];
    if (to->plan->nodes[at].unordered) return put_map(to, at, start, end, name);
    const column *items = to->columns + at + 1;
    bool has_nulls = false;
    for (int32_t each = start; each < end && items->nullable && !has_nulls; each++) has_nulls = is_null(items, each);
    if (!put(to, head(name, 2 * (int64_t)(end - start) + has_nulls))) return false;
    for (int32_t each = start; each < end; each++) {
        bool null = has_nulls && is_null(items, each);
        if (has_nulls && !put(to, !null)) return false;
        if (!null && !put_value(to, at + 1, each, 0)) return false;
    }
    return true;
}

enum { LANES = 2 }; /* rows whose hashes are computed at once, because each round waits for the one before */

static inline void absorb(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v), sip_round(v);
    v[0] ^= word;
}

/* Absorb the words from *at* to *end*, and return the hash of all *length* words. */
static inline int64_t finish(uint64_t v[4], const uint64_t *at, const uint64_t *end, int64_t length) {
    for (; at < end; at++) absorb(v, *at);
    absorb(v, (uint64_t)length * 8 << 56);
    v[2] ^= 0xff;
    sip_round(v), sip_round(v), sip_round(v), sip_round(v);
    return (int64_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

/* SipHash-2-4 of the words of two rows, with a key that everybody knows: "headrace", and the number of the rule. */
static void hash_both(const content *one, const content *other, int64_t hashes[LANES]) {
    static const uint64_t known[2] = {0x6563617264616568u, 2};
    int64_t length = one->at - one->words, other_length = other->at - other->words;
    int64_t common = length < other_length ? length : other_length;
    const uint64_t *a = one->words, *b = other->words;
    uint64_t v[4], w[4];
    sip_begin(v, known);
    sip_begin(w, known);
    for (int64_t at = 0; at < common; at++) {
        v[3] ^= a[at], w[3] ^= b[at];
        sip_round(v), sip_round(w);
        sip_round(v), sip_round(w);
        v[0] ^= a[at], w[0] ^= b[at];
    }
    hashes[0] = finish(v, a + common, one->at, length);
    hashes[1] = finish(w, b + common, other->at, other_length);
}

bool content_hashes(const content_plan *plan, const column *columns, int64_t *hashes) {
    content rows[LANES];
    int64_t found[LANES];
    bool done = true;
    for (int lane = 0; lane < LANES; lane++) rows[lane] = (content){.plan = plan, .columns = columns};
    for (int64_t index = 0; done && index < columns->length; index += LANES) {
        int64_t lanes = columns->length - index < LANES ? columns->length - index : LANES;
        for (int64_t lane = 0; lane < LANES; lane++) rows[lane].at = rows[lane].words;
        for (int64_t lane = 0; lane < lanes && done; lane++) done = put_record(rows + lane, 0, index + lane, 0);
        if (done) hash_both(rows, rows + 1, found);
        if (done) memcpy(hashes + index, found, (size_t)lanes * sizeof *hashes);
    }
    for (int lane = 0; lane < LANES; lane++) {
        free(rows[lane].words);
        free(rows[lane].entries);
    }
    return done;
}
