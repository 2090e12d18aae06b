#include "sensor/track/flow.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "sensor/host/hash.h"
#include "sensor/host/memory.h"

enum { NONE = 0, NS_PER_S = 1000000000, LEAST_BUCKETS = 1024 };

struct list {
    uint32_t oldest;
    uint32_t newest;
    uint32_t count;
};

/* The flow that was found last, and the ends of the segment that asked for it: packets come in bursts. */
struct recent {
    struct flow *flow; /* NULL: none */
    uint64_t addresses;
    uint64_t ports; /* and layer */
    bool from_low;
};

struct flow_table {
    struct recent recent;
    struct flow *flows; /* [0] is never used, so that index 0 can mean none */
    uint32_t *buckets;
    uint32_t bucket_mask; /* linear hashing: so many buckets and one, ... */
    uint32_t split;       /* ... of which those before this one have been split in two */
    uint32_t bucket_cap;
    uint32_t count;
    uint32_t capacity;
    uint32_t fresh; /* flows from here on were never used */
    uint32_t free;  /* chain through bucket_next */
    uint64_t key0, key1;
    uint64_t turn;
    uint64_t evicted;
    uint64_t second_ns; /* when the second began in which a flow was touched last */
    uint64_t timeout_ns[FLOW_STAGES];
    struct list lists[FLOW_STAGES];
    void (*leave)(void *context, struct flow *flow);
    void *context;
};

/* ---- hashes ---- */

/* SipHash-1-3 over the 64-bit words of a key: for ids, which are to be the same everywhere and to tell
 * connections apart for years. */
static inline uint64_t rotate(uint64_t x, int n)
{
    return x << n | x >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

/* The words of a key: two for IPv4, whose addresses fill four octets each, five for IPv6. Put together in
 * registers: a load of what smaller stores have just written would wait for them. */
static inline int key_words(const struct flow_key *key, uint64_t words[5])
{
    uint64_t layer = (uint64_t)key->layer << 32;
    if ((key->layer & 0xff) != IP_V4) {
        memcpy(words, key, sizeof key->low + sizeof key->high);
        words[4] = layer | (uint32_t)key->high_port << 16 | key->low_port;
        return 5;
    }
    uint32_t low;
    uint32_t high;
    memcpy(&low, key->low.bytes, sizeof low);
    memcpy(&high, key->high.bytes, sizeof high);
    words[0] = (uint64_t)high << 32 | low;
    words[1] = layer | (uint32_t)key->low_port << 16 | key->high_port;
    return 2;
}

uint64_t flow_key_hash(const struct flow_key *key)
{
    uint64_t words[5];
    int count = key_words(key, words);
    uint64_t v[4] = {UINT64_C(0x736f6d6570736575), UINT64_C(0x646f72616e646f6d), UINT64_C(0x6c7967656e657261),
                     UINT64_C(0x7465646279746573)}; /* the key is 0 */
    for (int i = 0; i < count; i++) {
        v[3] ^= words[i];
        sip_round(v);
        v[0] ^= words[i];
    }
    uint64_t length = (uint64_t)count << 59; /* octets in the top byte */
    v[3] ^= length;
    sip_round(v);
    v[0] ^= length;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* For the buckets, at every packet: multiplications with words that are drawn at random in every process and
 * never shown, so that addresses cannot be chosen to meet in one bucket. */
static inline uint64_t hash_of(const struct flow_table *t, const struct flow_key *key)
{
    uint64_t words[5];
    int count = key_words(key, words);
    uint64_t h = hash_fold(words[0] ^ t->key0, words[1] ^ t->key1);
    if (count > 2) {
        h = hash_fold(h ^ words[2], words[3] ^ t->key0);
        h = hash_fold(h ^ words[4], t->key1);
    }
    return hash_fold(h ^ t->key1, t->key0);
}

static inline uint32_t *bucket_of(struct flow_table *t, const struct flow_key *key)
{
    uint64_t hash = hash_of(t, key);
    uint32_t bucket = (uint32_t)hash & t->bucket_mask;
    if (bucket < t->split)
        bucket = (uint32_t)hash & (t->bucket_mask << 1 | 1);
    return &t->buckets[bucket];
}

/* One bucket more, out of one that is there: the table grows with its flows and never pauses for it. */
static void split_bucket(struct flow_table *t)
{
    uint32_t *stay = &t->buckets[t->split];
    uint32_t *move = &t->buckets[t->split + t->bucket_mask + 1];
    uint32_t bit = t->bucket_mask + 1;
    for (uint32_t i = *stay, next; i != NONE; i = next) {
        struct flow *f = &t->flows[i];
        next = f->bucket_next;
        if (((uint32_t)hash_of(t, &f->key) & bit) == 0) {
            *stay = i;
            stay = &f->bucket_next;
        } else {
            *move = i;
            move = &f->bucket_next;
        }
    }
    *stay = *move = NONE;
    if (t->split++ == t->bucket_mask) {
        t->bucket_mask = t->bucket_mask << 1 | 1;
        t->split = 0;
    }
}

struct flow_table *flow_table_open(const struct flow_limits *limits, void (*leave)(void *, struct flow *),
                                   void *context)
{
    struct flow_table *t = calloc(1, sizeof *t);
    if (t == NULL)
        return NULL;
    t->bucket_cap = LEAST_BUCKETS;
    while (t->bucket_cap < limits->flows && t->bucket_cap < UINT32_C(1) << 30)
        t->bucket_cap *= 2;
    t->capacity = limits->flows;
    t->bucket_mask = LEAST_BUCKETS - 1;
    t->fresh = 1;
    t->leave = leave;
    t->context = context;
    memcpy(t->timeout_ns, limits->timeout_ns, sizeof t->timeout_ns);
    t->flows = memory_take((size_t)limits->flows + 1, sizeof *t->flows);
    t->buckets = memory_take(t->bucket_cap, sizeof *t->buckets);
    uint64_t keys[2];
    if (t->flows == NULL || t->buckets == NULL || getrandom(keys, sizeof keys, 0) != (ssize_t)sizeof keys) {
        flow_table_close(t);
        return NULL;
    }
    t->key0 = keys[0];
    t->key1 = keys[1];
    return t;
}

void flow_table_close(struct flow_table *t)
{
    if (t == NULL)
        return;
    memory_give(t->flows, (size_t)t->capacity + 1, sizeof *t->flows);
    memory_give(t->buckets, t->bucket_cap, sizeof *t->buckets);
    free(t);
}

static inline uint64_t big_endian(uint64_t word)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(word) : word;
}

/* Eight octets in a register. Through an array they would go by way of the stack. */
static inline uint64_t word_of(const void *bytes, size_t word)
{
    uint64_t value;
    memcpy(&value, (const uint8_t *)bytes + word * sizeof value, sizeof value);
    return value;
}

/* As memcmp has it, without the call. */
static inline int address_order(const struct address *a, const struct address *b)
{
    uint64_t left = big_endian(word_of(a, 0));
    uint64_t right = big_endian(word_of(b, 0));
    if (left == right) {
        left = big_endian(word_of(a, 1));
        right = big_endian(word_of(b, 1));
    }
    return (left > right) - (left < right);
}

static inline void make_key(const struct segment *segment, uint32_t layer, struct flow_key *key,
                            bool *from_low)
{
    int order = address_order(&segment->source, &segment->destination);
    bool low = order < 0 || (order == 0 && segment->source_port <= segment->destination_port);
    key->low = *(low ? &segment->source : &segment->destination);
    key->high = *(low ? &segment->destination : &segment->source);
    key->low_port = low ? segment->source_port : segment->destination_port;
    key->high_port = low ? segment->destination_port : segment->source_port;
    /* The family is part of the identity: 1.2.3.4 is not the IPv6 address that begins with these bytes. */
    key->layer = layer << 8 | segment->family;
    *from_low = low;
}

void flow_key_of(const struct segment *segment, uint32_t layer, struct flow_key *key, bool *from_low)
{
    make_key(segment, layer, key, from_low);
}

static inline bool keys_equal(const struct flow_key *a, const struct flow_key *b)
{
    _Static_assert(sizeof *a == 5 * sizeof(uint64_t), "five words, and nothing between them");
    return ((word_of(a, 0) ^ word_of(b, 0)) | (word_of(a, 1) ^ word_of(b, 1)) |
            (word_of(a, 2) ^ word_of(b, 2)) | (word_of(a, 3) ^ word_of(b, 3)) |
            (word_of(a, 4) ^ word_of(b, 4))) == 0;
}

static inline struct flow *find(struct flow_table *t, const struct flow_key *key)
{
    for (uint32_t i = *bucket_of(t, key); i != NONE; i = t->flows[i].bucket_next)
        if (keys_equal(&t->flows[i].key, key))
            return &t->flows[i];
    return NULL;
}

struct flow *flow_find(struct flow_table *t, const struct flow_key *key)
{
    return find(t, key);
}

/* The flow of the last segment, if this one has the same ends, whichever way. Only for IPv4, whose addresses fit into a
 * word. */
static inline bool is_recent(const struct recent *r, uint64_t addresses, uint64_t ports, bool *from_low)
{
    enum { PORT_BITS = 16, ADDRESS_BITS = 32 };
    uint32_t both = (uint32_t)ports;
    uint64_t other_way = ports >> ADDRESS_BITS << ADDRESS_BITS | (both << PORT_BITS | both >> PORT_BITS);
    bool same = addresses == r->addresses && ports == r->ports;
    bool back = rotate(addresses, ADDRESS_BITS) == r->addresses && other_way == r->ports;
    *from_low = r->from_low == same;
    return same || back;
}

struct flow *flow_find_segment(struct flow_table *t, const struct segment *segment, uint32_t layer,
                               bool *from_low)
{
    _Static_assert(offsetof(struct segment, destination_port) ==
                       offsetof(struct segment, source_port) + sizeof segment->source_port,
                   "both ports are one load");
    uint32_t source;
    uint32_t destination;
    uint32_t both;
    memcpy(&source, segment->source.bytes, sizeof source);
    memcpy(&destination, segment->destination.bytes, sizeof destination);
    memcpy(&both, (const uint8_t *)segment + offsetof(struct segment, source_port), sizeof both);
    uint64_t addresses = (uint64_t)source << 32 | destination;
    uint64_t ports = (uint64_t)(layer << 8 | segment->family) << 32 | both;
    if (t->recent.flow != NULL && is_recent(&t->recent, addresses, ports, from_low))
        return t->recent.flow;
    struct flow_key key;
    make_key(segment, layer, &key, from_low);
    struct flow *f = find(t, &key);
    if (segment->family == IP_V4)
        t->recent = (struct recent){f, addresses, ports, *from_low};
    return f;
}

static uint32_t index_of(const struct flow_table *t, const struct flow *f)
{
    return (uint32_t)(f - t->flows);
}

static void unlink_age(struct flow_table *t, struct flow *f)
{
    struct list *list = &t->lists[f->stage];
    if (f->older != NONE)
        t->flows[f->older].newer = f->newer;
    else
        list->oldest = f->newer;
    if (f->newer != NONE)
        t->flows[f->newer].older = f->older;
    else
        list->newest = f->older;
    list->count--;
}

static void link_newest(struct flow_table *t, struct flow *f)
{
    struct list *list = &t->lists[f->stage];
    uint32_t self = index_of(t, f);
    f->older = list->newest;
    f->newer = NONE;
    if (list->newest != NONE)
        t->flows[list->newest].newer = self;
    else
        list->oldest = self;
    list->newest = self;
    list->count++;
    f->listed_turn = (uint32_t)t->turn;
}

void flow_remove(struct flow_table *t, struct flow *f)
{
    uint32_t self = index_of(t, f);
    uint32_t *link = bucket_of(t, &f->key);
    while (*link != self)
        link = &t->flows[*link].bucket_next;
    *link = f->bucket_next;
    unlink_age(t, f);
    if (t->recent.flow == f)
        t->recent.flow = NULL;
    f->stage = FLOW_FREE;
    f->bucket_next = t->free;
    t->free = self;
    t->count--;
}

static void give_up(struct flow_table *t, uint32_t index)
{
    struct flow *f = &t->flows[index];
    t->leave(t->context, f);
    flow_remove(t, f);
}

bool flow_evict_oldest(struct flow_table *t, enum flow_stage stage)
{
    uint32_t oldest = t->lists[stage].oldest;
    if (oldest == NONE)
        return false;
    if (stage != FLOW_ENDED) {
        t->evicted++;
        t->flows[oldest].evicted = true;
    }
    give_up(t, oldest);
    return true;
}

static void make_room(struct flow_table *t)
{
    for (int stage = FLOW_ENDED; stage < FLOW_STAGES; stage++)
        if (flow_evict_oldest(t, (enum flow_stage)stage))
            return;
}

struct flow *flow_add(struct flow_table *t, const struct flow_key *key, uint64_t now_ns)
{
    if (t->free == NONE && t->fresh > t->capacity)
        make_room(t);
    uint32_t self = t->free;
    if (self != NONE)
        t->free = t->flows[self].bucket_next;
    else
        self = t->fresh++;
    struct flow *f = &t->flows[self];
    *f = (struct flow){.key = *key,
                       .first_ns = now_ns,
                       .last_ns = now_ns,
                       .number = t->turn,
                       .family = (uint8_t)(key->layer & 0xff),
                       .stage = FLOW_HALF_OPEN};
    uint32_t buckets = t->bucket_mask + 1 + t->split;
    if (t->count++ >= buckets && buckets < t->bucket_cap)
        split_bucket(t);
    uint32_t *bucket = bucket_of(t, key);
    f->bucket_next = *bucket;
    *bucket = self;
    link_newest(t, f);
    return f;
}

/* Ages are compared in seconds, so a busy flow is moved once a second and not at every packet. */
void flow_touch(struct flow_table *t, struct flow *f, uint64_t now_ns)
{
    uint64_t before_ns = f->last_ns;
    if (now_ns <= before_ns)
        return;
    f->last_ns = now_ns;
    if (now_ns - t->second_ns >= NS_PER_S)
        t->second_ns = now_ns - now_ns % NS_PER_S;
    if (before_ns >= t->second_ns)
        return;
    unlink_age(t, f);
    link_newest(t, f);
}

void flow_move(struct flow_table *t, struct flow *f, enum flow_stage stage)
{
    if (f->stage == stage)
        return;
    unlink_age(t, f);
    f->stage = (uint8_t)stage;
    link_newest(t, f);
}

void flow_expire(struct flow_table *t, uint64_t now_ns)
{
    for (int stage = FLOW_ENDED; stage < FLOW_STAGES; stage++) {
        for (uint32_t i = t->lists[stage].oldest; i != NONE; i = t->lists[stage].oldest) {
            if (t->flows[i].last_ns + t->timeout_ns[stage] > now_ns)
                break;
            give_up(t, i);
        }
    }
}

static int by_number(const void *a, const void *b)
{
    const struct flow *const *left = a;
    const struct flow *const *right = b;
    return ((*left)->number > (*right)->number) - ((*left)->number < (*right)->number);
}

void flow_drain(struct flow_table *t)
{
    size_t count = 0;
    for (int stage = FLOW_ENDED; stage < FLOW_STAGES; stage++)
        count += t->lists[stage].count;
    struct flow **all = count > 0 ? calloc(count, sizeof *all) : NULL;
    size_t n = 0;
    for (uint32_t i = 1; all != NULL && i < t->fresh; i++)
        if (t->flows[i].stage != FLOW_FREE)
            all[n++] = &t->flows[i];
    if (n > 0)
        qsort(all, n, sizeof *all, by_number);
    for (size_t i = 0; i < n; i++)
        give_up(t, index_of(t, all[i]));
    free(all);
    /* Without memory for sorting: still every flow, by age. */
    for (int stage = FLOW_ENDED; stage < FLOW_STAGES; stage++)
        while (t->lists[stage].oldest != NONE)
            give_up(t, t->lists[stage].oldest);
}

void flow_table_turn(struct flow_table *t, uint64_t turn)
{
    t->turn = turn;
}

uint32_t flow_count(const struct flow_table *t, enum flow_stage stage)
{
    return t->lists[stage].count;
}

uint64_t flow_evicted(const struct flow_table *t)
{
    return t->evicted;
}
